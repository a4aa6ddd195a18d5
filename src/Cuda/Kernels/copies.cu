// y = value.
struct FillArguments { real* y; unsigned length; real value; };

extern "C" __global__ void fill(FillArguments k)
{
    for (unsigned i = first_index(); i < k.length; i += all_threads())
        k.y[i] = k.value;
}

// y (+)= scale x between strided layouts.
struct CopyArguments { const real* x; real* y; unsigned length; int accumulate; real scale; Axes axes; };

extern "C" __global__ void copy(CopyArguments k)
{
    for (unsigned i = first_index(); i < k.length; i += all_threads())
    {
        const Place at = locate(k.axes, i);
        const real value = k.scale * k.x[at.a];
        k.y[at.b] = k.accumulate ? k.y[at.b] + value : value;
    }
}

// Rows of a table by number.
struct RowsArguments { const real* x; real* y; const int* indices; int rows, row_length; };

extern "C" __global__ void gather(RowsArguments k)
{
    const unsigned length = (unsigned)k.rows * k.row_length;
    for (unsigned i = first_index(); i < length; i += all_threads())
    {
        const unsigned row = i / k.row_length;
        k.y[i] = k.x[(long long)k.indices[row] * k.row_length + (i - row * k.row_length)];
    }
}

// A thread adds a whole column, row after row: two rows may add into one row of the table, and the order must not vary.
extern "C" __global__ void scatter_add(RowsArguments k)
{
    for (unsigned column = first_index(); column < k.row_length; column += all_threads())
        for (int row = 0; row < k.rows; row++)
            k.y[(long long)k.indices[row] * k.row_length + column] += k.x[(long long)row * k.row_length + column];
}
