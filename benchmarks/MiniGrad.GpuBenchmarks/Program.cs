// Times what the goals of benchmarks/gpu are about and prints one line each: name, microseconds, bytes that have to be
// moved, managed bytes allocated, seconds of the first run.
// Options: --small for sizes that a software device can do.

using System.Globalization;
using MiniGrad;
using MiniGrad.Backends;
using MiniGrad.Cuda;
using MiniGrad.GpuBenchmarks;

bool small = args.Contains("--small");
if (CudaBackend.Refusal() is { } refusal)
{
    Console.Error.WriteLine($"error: {refusal}");
    return 1;
}
using IBackend<float> backend = CudaBackend.Create<float>(new CudaOptions { AllowTf32 = args.Contains("--tf32") });
Console.Error.WriteLine(backend.Name);
using Tape<float> tape = new(backend);
Clock clock = new(backend, turns: small ? 2 : 30);
(int rows, int columns) = small ? (24, 700) : (16384, 4096);
foreach (Timing timing in KernelCases.Run(tape, clock, rows, columns).Concat(TrainingCases.Run(tape, clock, small)))
{
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{timing.Name},{timing.Microseconds:0.0},{timing.Bytes},{timing.ManagedBytes},{timing.FirstSeconds:0.000}"));
}
return 0;
