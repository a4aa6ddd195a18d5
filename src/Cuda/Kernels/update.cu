// One step of an optimizer's rule for every element of some parameters. Where gradient and value are one array, the gradient is updated.
struct UpdateEntry { real* value; const real* gradient; real *state0, *state1; unsigned length, packs; int first_block; };
struct UpdateArguments { UpdateEntry entries[32]; int count; Constants c; };

extern "C" __global__ void update_parameters(UpdateArguments k)
{
    int number = 0;
    while (number + 1 < k.count && blockIdx.x >= k.entries[number + 1].first_block)
        number++;
    const UpdateEntry e = k.entries[number];
    const int end_block = number + 1 < k.count ? k.entries[number + 1].first_block : gridDim.x;
    const unsigned first = (blockIdx.x - e.first_block) * blockDim.x + threadIdx.x, all = (end_block - e.first_block) * blockDim.x;
    for (unsigned p = first; p < e.packs; p += all)
    {
        Pack value = load_pack(e.value + p * pack_size);
        const Pack gradient = load_pack(e.gradient + p * pack_size);
        Pack state0 = states > 0 ? load_pack(e.state0 + p * pack_size) : gradient;
        Pack state1 = states > 1 ? load_pack(e.state1 + p * pack_size) : gradient;
        #pragma unroll
        for (unsigned lane = 0; lane < pack_size; lane++)
        {
            const Three now = update(value.lanes[lane], gradient.lanes[lane], state0.lanes[lane], state1.lanes[lane], k.c);
            value.lanes[lane] = now.a;
            state0.lanes[lane] = now.b;
            state1.lanes[lane] = now.c;
        }
        store_pack(e.value + p * pack_size, value);
        if (states > 0)
            store_pack(e.state0 + p * pack_size, state0);
        if (states > 1)
            store_pack(e.state1 + p * pack_size, state1);
    }
    for (unsigned i = e.packs * pack_size + first; i < e.length; i += all)
    {
        const Three now = update(e.value[i], e.gradient[i], states > 0 ? e.state0[i] : real(0), states > 1 ? e.state1[i] : real(0), k.c);
        e.value[i] = now.a;
        if (states > 0)
            e.state0[i] = now.b;
        if (states > 1)
            e.state1[i] = now.c;
    }
}
