// y = scale * the combination along the middle axis of x, seen as [outer, length, inner]. A long axis is cut into parts of "step" elements,
// whose results, [outer, parts, inner], are combined by a second launch. The order depends on the extents alone.
struct ReduceArguments { const real* x; real* y; int outer, length, inner, step, accumulate; real scale, identity; };

struct Combine { __device__ __forceinline__ real operator()(real a, real b) const { return combine(a, b); } };

DEVICE void write(const ReduceArguments& k, int i, real combined)
{
    const real result = k.scale * combined;
    k.y[i] = k.accumulate ? k.y[i] + result : result;
}

// inner = 1: a team for each part of a row.
extern "C" __global__ void reduce_rows(ReduceArguments k)
{
    const Team team(k.step);
    const int parts = (k.length + k.step - 1) / k.step, all = k.outer * parts;
    for (int part = blockIdx.x * team.count + team.index; part < all; part += gridDim.x * team.count)
    {
        const int row = part / parts, first = (part - row * parts) * k.step, end = smaller(k.length, first + k.step);
        const real* x = k.x + (long long)row * k.length;
        real value = k.identity;
        for (int i = first + team.rank; i < end; i += team.size)
            value = combine(value, x[i]);
        value = team.across(value, Combine());
        if (team.rank == 0)
            write(k, part, value);
    }
}

// inner > 1: a block for 32 columns of a part; each of its warps takes every eighth row.
extern "C" __global__ void reduce_columns(ReduceArguments k)
{
    __shared__ real of_warp[8][warp_size + 1];
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
    const int parts = (k.length + k.step - 1) / k.step, tiles = (k.inner + warp_size - 1) / warp_size, all = k.outer * parts * tiles;
    for (int block = blockIdx.x; block < all; block += gridDim.x)
    {
        const int part = block / tiles, column = (block - part * tiles) * warp_size + lane;
        const int outer = part / parts, first = (part - outer * parts) * k.step, end = smaller(k.length, first + k.step);
        real value = k.identity;
        if (column < k.inner)
            for (int row = first + warp; row < end; row += 8)
                value = combine(value, k.x[((long long)outer * k.length + row) * k.inner + column]);
        of_warp[warp][lane] = value;
        __syncthreads();
        if (warp == 0 && column < k.inner)
        {
            for (int other = 1; other < 8; other++)
                value = combine(value, of_warp[other][lane]);
            write(k, part * k.inner + column, value);
        }
        __syncthreads();
    }
}
