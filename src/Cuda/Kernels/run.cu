// A fused kernel: a block does a chunk of items.
struct RunArguments { Arguments kernel; int items, grain; };

extern "C" __global__ void run_kernel(RunArguments k)
{
    const int first = blockIdx.x * k.grain;
    run(k.kernel, first, smaller(k.items, first + k.grain), blockIdx.x);
}
