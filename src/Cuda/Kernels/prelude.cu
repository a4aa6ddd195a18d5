// What every kernel can use. "real" is float or double, set in the line before this file. No standard header exists here.
#define DEVICE static __device__ __forceinline__

constexpr int warp_size = 32;
constexpr unsigned all_lanes = 0xffffffffu;

// ---- Numbers: the functions of formulas, under their C# names.

DEVICE float Abs(float x) { return fabsf(x); }
DEVICE double Abs(double x) { return fabs(x); }
DEVICE float Sqrt(float x) { return sqrtf(x); }
DEVICE double Sqrt(double x) { return sqrt(x); }
DEVICE float Exp(float x) { return expf(x); }
DEVICE double Exp(double x) { return exp(x); }
DEVICE float ExpM1(float x) { return expm1f(x); }
DEVICE double ExpM1(double x) { return expm1(x); }
DEVICE float Log(float x) { return logf(x); }
DEVICE double Log(double x) { return log(x); }
DEVICE float Log1P(float x) { return log1pf(x); }
DEVICE double Log1P(double x) { return log1p(x); }
DEVICE float Tanh(float x) { return tanhf(x); }
DEVICE double Tanh(double x) { return tanh(x); }
DEVICE float Erf(float x) { return erff(x); }
DEVICE double Erf(double x) { return erf(x); }
DEVICE float MultiplyAdd(float a, float b, float c) { return fmaf(a, b, c); }
DEVICE double MultiplyAdd(double a, double b, double c) { return fma(a, b, c); }

// NaN if either is NaN, unlike fmaxf.
DEVICE real Max(real a, real b) { return a > b || a != a ? a : b; }
DEVICE real Min(real a, real b) { return a < b || a != a ? a : b; }
DEVICE real SelectGreater(real a, real b, real if_greater, real otherwise) { return a > b ? if_greater : otherwise; }
DEVICE real Infinity() { return real(__int_as_float(0x7f800000)); }
DEVICE real NotANumber() { return real(__int_as_float(0x7fc00000)); }
DEVICE real Sigmoid(real x) { return real(1) / (real(1) + Exp(-x)); }

struct Two { real a, b; };
struct Three { real a, b, c; };
struct Constants { real values[24]; };

// ---- Memory.

// As many elements as one thread loads at once: 16 bytes.
constexpr unsigned pack_size = 16 / sizeof(real);
struct alignas(16) Pack { real lanes[pack_size]; };
DEVICE Pack load_pack(const real* from) { return *reinterpret_cast<const Pack*>(from); }
DEVICE void store_pack(real* to, const Pack& pack) { *reinterpret_cast<Pack*>(to) = pack; }

// A view of a tensor's elements, as the host passes it.
template <class E> struct Buffer
{
    E* elements;
    int length, tangent_distance;

    __device__ __forceinline__ E& operator[](int i) const { return elements[i]; }
    __device__ __forceinline__ bool exists() const { return length > 0; }
};

// Where a gradient goes: assigned, or added to what is there, or not wanted.
struct Sink
{
    Buffer<real> buffer;
    bool accumulate;

    __device__ __forceinline__ bool is_wanted() const { return buffer.length > 0; }
    __device__ __forceinline__ void write(int i, real value) const { buffer[i] = accumulate ? buffer[i] + value : value; }
};

DEVICE int thread_in_block() { return threadIdx.x; }
DEVICE int threads_of_block() { return blockDim.x; }
DEVICE unsigned first_index() { return blockIdx.x * blockDim.x + threadIdx.x; }
DEVICE unsigned all_threads() { return gridDim.x * blockDim.x; }
DEVICE void wait_for_block() { __syncthreads(); }   // Until all threads of the block are here; what they wrote is then seen by all.
DEVICE int smaller(int a, int b) { return a < b ? a : b; }

// ---- Threads that work on one row together.

struct Add { __device__ __forceinline__ real operator()(real a, real b) const { return a + b; } };
struct Largest { __device__ __forceinline__ real operator()(real a, real b) const { return Max(a, b); } };

// How many elements of a row a thread keeps in registers.
constexpr int kept_elements = 16;

// A warp for a short row, so that a block does several rows at once; the whole block for a long one. Every thread of the block must take
// part in each sum over a block, and the decision is the same for all.
struct Team
{
    int rank, size, index, count;

    __device__ __forceinline__ explicit Team(int row_length)
        : Team(row_length <= warp_size * kept_elements ? warp_size : blockDim.x, threadIdx.x) {}

    __device__ __forceinline__ Team(int size, int thread)
        : rank(thread % size), size(size), index(thread / size), count(blockDim.x / size) {}

    static __device__ __forceinline__ Team of_block() { return Team(blockDim.x, threadIdx.x); }

    __device__ __forceinline__ real sum(real value) const { return across(value, Add()); }
    __device__ __forceinline__ real max(real value) const { return across(value, Largest()); }

    // The combination of all threads' values, in every thread, in an order that never varies.
    template <class Combine> __device__ __forceinline__ real across(real value, Combine combine) const
    {
        #pragma unroll
        for (int distance = warp_size / 2; distance > 0; distance /= 2)
            value = combine(value, __shfl_xor_sync(all_lanes, value, distance));
        if (size == warp_size)
            return value;
        __shared__ real of_warp[32];
        __syncthreads();   // Until all have read the sums of the call before.
        if (threadIdx.x % warp_size == 0)
            of_warp[threadIdx.x / warp_size] = value;
        __syncthreads();
        value = of_warp[0];
        for (int warp = 1; warp < size / warp_size; warp++)
            value = combine(value, of_warp[warp]);
        return value;
    }
};

// Threads that work on neighbouring columns together, of which one transaction loads a row: each takes every n-th row.
constexpr int columns_at_once = 8;
struct ColumnTeam
{
    int column, first_row, rows;

    __device__ __forceinline__ ColumnTeam()
        : column(threadIdx.x % columns_at_once), first_row(threadIdx.x / columns_at_once), rows(blockDim.x / columns_at_once) {}

    // Calls body(j, is_column) for columns first to end - 1; where a thread has none, for another's, which it must not write.
    template <class Body> __device__ __forceinline__ void each_column(int first, int end, Body body) const
    {
        for (int base = first; base < end; base += columns_at_once)
            body(base + (base + column < end ? column : 0), base + column < end);
    }

    template <class Body> __device__ __forceinline__ void each_row(int end, bool is_column, Body body) const
    {
        for (int row = first_row; row < end && is_column; row += rows)
            body(row);
    }

    // The sum over the threads of a column, in each of them. Every thread of the block must call this.
    __device__ __forceinline__ real sum(real value) const
    {
        #pragma unroll
        for (int distance = warp_size / 2; distance >= columns_at_once; distance /= 2)
            value += __shfl_xor_sync(all_lanes, value, distance);
        __shared__ real of_warp[32][columns_at_once];
        __syncthreads();
        if (threadIdx.x % warp_size < columns_at_once)
            of_warp[threadIdx.x / warp_size][column] = value;
        __syncthreads();
        value = of_warp[0][column];
        for (int warp = 1; warp < blockDim.x / warp_size; warp++)
            value += of_warp[warp][column];
        return value;
    }
};

// A row of which a team keeps what fits in its registers, so that several passes read memory once.
struct Row
{
    const real* elements;
    int columns, rank, size;
    real kept[kept_elements];

    __device__ __forceinline__ Row(const Team& team, const real* elements, int columns)
        : elements(elements), columns(columns), rank(team.rank), size(team.size)
    {
        #pragma unroll
        for (int n = 0; n < kept_elements; n++)
            kept[n] = rank + n * size < columns ? elements[rank + n * size] : real(0);
    }

    // The element i, which the thread has as its n-th, if it keeps so many.
    __device__ __forceinline__ real at(int i, int n) const { return n < kept_elements ? kept[n] : elements[i]; }

    template <class Body> __device__ __forceinline__ void each(Body body) const
    {
        #pragma unroll
        for (int n = 0; n < kept_elements; n++)
            if (rank + n * size < columns)
                body(rank + n * size, kept[n]);
        for (int i = rank + kept_elements * size; i < columns; i += size)
            body(i, elements[i]);
    }

    template <class Body> __device__ __forceinline__ void each_with(const Row& other, Body body) const
    {
        #pragma unroll
        for (int n = 0; n < kept_elements; n++)
            if (rank + n * size < columns)
                body(rank + n * size, kept[n], other.kept[n]);
        for (int i = rank + kept_elements * size; i < columns; i += size)
            body(i, elements[i], other.elements[i]);
    }
};

// A sum over the rows of a chunk, an element for each column: kept in registers as far as they go, then stored team after team.
struct RowSum
{
    const Team& team;
    const Sink& to;
    int start, columns;
    real kept[kept_elements];

    __device__ __forceinline__ RowSum(const Team& team, const Sink& to, int start, int columns)
        : team(team), to(to), start(start), columns(columns)
    {
        #pragma unroll
        for (int n = 0; n < kept_elements; n++)
            kept[n] = 0;
    }

    // Adds value(i, n) for the row's elements. What is not kept goes to memory: only a whole block has such long rows.
    template <class Value> __device__ __forceinline__ void add(bool is_first, Value value)
    {
        if (!to.is_wanted())
            return;
        #pragma unroll
        for (int n = 0; n < kept_elements; n++)
            if (team.rank + n * team.size < columns)
                kept[n] += value(team.rank + n * team.size, n);
        for (int i = team.rank + kept_elements * team.size; i < columns; i += team.size)
            put(i, value(i, kept_elements), !is_first);
    }

    // Every thread of the block must call this; has_rows tells whether its team had any.
    __device__ __forceinline__ void store(bool has_rows) const
    {
        for (int index = 0; index < team.count && to.is_wanted(); index++)
        {
            __syncthreads();
            if (index != team.index || !has_rows)
                continue;
            #pragma unroll
            for (int n = 0; n < kept_elements; n++)
                if (team.rank + n * team.size < columns)
                    put(team.rank + n * team.size, kept[n], index > 0);
        }
    }

    __device__ __forceinline__ void put(int i, real value, bool is_later) const
    {
        to.buffer[start + i] = to.accumulate || is_later ? to.buffer[start + i] + value : value;
    }
};

// ---- Random numbers: four words of Philox4x32-10, the generator of MiniGrad.Training, at any place of a stream.

struct Philox
{
    unsigned of[4];

    __device__ __forceinline__ Philox(unsigned long long seed, unsigned long long stream, unsigned long long block)
        : of{(unsigned)block, (unsigned)(block >> 32), (unsigned)stream, (unsigned)(stream >> 32)}
    {
        unsigned key0 = (unsigned)seed, key1 = (unsigned)(seed >> 32);
        #pragma unroll
        for (int round = 0; round < 10; round++)
        {
            const unsigned long long p0 = 0xD2511F53ull * of[0], p1 = 0xCD9E8D57ull * of[2];
            of[0] = (unsigned)(p1 >> 32) ^ of[1] ^ key0;
            of[2] = (unsigned)(p0 >> 32) ^ of[3] ^ key1;
            of[1] = (unsigned)p1;
            of[3] = (unsigned)p0;
            key0 += 0x9E3779B9;
            key1 += 0xBB67AE85;
        }
    }
};

// ---- Axes of two strided layouts, of which neighbours that both step through as one are merged. The last is the fastest.

struct Place { int a, b; };
struct Axes { int extents[4], steps_a[4], steps_b[4]; };

DEVICE Place locate(const Axes& axes, unsigned index)
{
    Place at = {0, 0};
    unsigned rest = index;
    for (int axis = 3; axis > 0 && rest > 0; axis--)
    {
        const unsigned extent = axes.extents[axis], outer = rest < extent ? 0 : rest / extent, i = rest - outer * extent;
        at.a += i * axes.steps_a[axis];
        at.b += i * axes.steps_b[axis];
        rest = outer;
    }
    at.a += rest * axes.steps_a[0];
    at.b += rest * axes.steps_b[0];
    return at;
}
