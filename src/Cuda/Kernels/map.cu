// y = forward(x), and dx (+)= vjp(saved, dy).
struct MapArguments { const real *x, *dy; real* y; unsigned length, packs; int accumulate; Constants c; };

extern "C" __global__ void map(MapArguments k)
{
    for (unsigned p = first_index(); p < k.packs; p += all_threads())
    {
        Pack x = load_pack(k.x + p * pack_size);
        #pragma unroll
        for (unsigned lane = 0; lane < pack_size; lane++)
            x.lanes[lane] = forward(x.lanes[lane], k.c);
        store_pack(k.y + p * pack_size, x);
    }
    for (unsigned i = k.packs * pack_size + first_index(); i < k.length; i += all_threads())
        k.y[i] = forward(k.x[i], k.c);
}

extern "C" __global__ void map_vjp(MapArguments k)
{
    for (unsigned p = first_index(); p < k.packs; p += all_threads())
    {
        const Pack dy = load_pack(k.dy + p * pack_size);
        const Pack saved = reads_saved ? load_pack(k.x + p * pack_size) : dy;
        Pack dx;
        #pragma unroll
        for (unsigned lane = 0; lane < pack_size; lane++)
            dx.lanes[lane] = vjp(saved.lanes[lane], dy.lanes[lane], k.c);
        if (k.accumulate)
        {
            const Pack old = load_pack(k.y + p * pack_size);
            #pragma unroll
            for (unsigned lane = 0; lane < pack_size; lane++)
                dx.lanes[lane] += old.lanes[lane];
        }
        store_pack(k.y + p * pack_size, dx);
    }
    for (unsigned i = k.packs * pack_size + first_index(); i < k.length; i += all_threads())
    {
        const real dx = vjp(reads_saved ? k.x[i] : real(0), k.dy[i], k.c);
        k.y[i] = k.accumulate ? k.y[i] + dx : dx;
    }
}
