using BenchmarkDotNet.Running;
using MiniGrad.Benchmarks;

// `--quick [filter]` takes seconds and prints GFLOP/s beside the measured peak; `--quick workers` times the starting of parallel jobs;
// everything else goes to BenchmarkDotNet.
if (args is ["--quick", "workers"])
{
    QuickWorkers.Run();
}
else if (args is ["--quick", ..])
{
    QuickGemm.Run(args.Length > 1 ? args[1] : "");
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(GemmBench).Assembly).Run(args);
}
