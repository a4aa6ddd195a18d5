// y = forward(a, b), and da (+)= then db (+)= of vjp(a, b, dy), with operands broadcast: one that does not step along the last axis is the
// same for a whole pack. Gradients have the shape of y.
struct ZipArguments { const real *a, *b; real* y; unsigned length, packs; Axes axes; Constants c; };
struct ZipVjpArguments
{
    const real *a, *b, *dy;
    real *da, *db;
    unsigned length, packs;
    int accumulate_a, accumulate_b;
    Axes axes;
    Constants c;
};

DEVICE Pack load_operand(const real* operand, int at, int step)
{
    if (step == 1)
        return load_pack(operand + at);
    Pack same;
    #pragma unroll
    for (unsigned lane = 0; lane < pack_size; lane++)
        same.lanes[lane] = operand[at];
    return same;
}

extern "C" __global__ void zip(ZipArguments k)
{
    for (unsigned p = first_index(); p < k.packs; p += all_threads())
    {
        const Place at = locate(k.axes, p * pack_size);
        Pack a = load_operand(k.a, at.a, k.axes.steps_a[3]), b = load_operand(k.b, at.b, k.axes.steps_b[3]);
        #pragma unroll
        for (unsigned lane = 0; lane < pack_size; lane++)
            a.lanes[lane] = forward(a.lanes[lane], b.lanes[lane], k.c);
        store_pack(k.y + p * pack_size, a);
    }
    for (unsigned i = k.packs * pack_size + first_index(); i < k.length; i += all_threads())
    {
        const Place at = locate(k.axes, i);
        k.y[i] = forward(k.a[at.a], k.b[at.b], k.c);
    }
}

DEVICE void write_pack(real* to, unsigned at, Pack value, int accumulate)
{
    if (accumulate)
    {
        const Pack old = load_pack(to + at);
        #pragma unroll
        for (unsigned lane = 0; lane < pack_size; lane++)
            value.lanes[lane] += old.lanes[lane];
    }
    store_pack(to + at, value);
}

extern "C" __global__ void zip_vjp(ZipVjpArguments k)
{
    for (unsigned p = first_index(); p < k.packs; p += all_threads())
    {
        const Pack dy = load_pack(k.dy + p * pack_size);
        Pack a = dy, b = dy;
        if (reads_operands)
        {
            const Place at = locate(k.axes, p * pack_size);
            a = load_operand(k.a, at.a, k.axes.steps_a[3]);
            b = load_operand(k.b, at.b, k.axes.steps_b[3]);
        }
        #pragma unroll
        for (unsigned lane = 0; lane < pack_size; lane++)
        {
            const Two gradient = vjp(a.lanes[lane], b.lanes[lane], dy.lanes[lane], k.c);
            a.lanes[lane] = gradient.a;
            b.lanes[lane] = gradient.b;
        }
        if (k.da)
            write_pack(k.da, p * pack_size, a, k.accumulate_a);
        if (k.db)
            write_pack(k.db, p * pack_size, b, k.accumulate_b);
    }
    for (unsigned i = k.packs * pack_size + first_index(); i < k.length; i += all_threads())
    {
        const Place at = locate(k.axes, i);
        const Two gradient = vjp(reads_operands ? k.a[at.a] : real(0), reads_operands ? k.b[at.b] : real(0), k.dy[i], k.c);
        if (k.da)
            k.da[i] = k.accumulate_a ? k.da[i] + gradient.a : gradient.a;
        if (k.db)
            k.db[i] = k.accumulate_b ? k.db[i] + gradient.b : gradient.b;
    }
}
