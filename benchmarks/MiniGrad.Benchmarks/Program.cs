using BenchmarkDotNet.Running;
using MiniGrad.Benchmarks;
using MiniGrad.Benchmarks.GemmLadder;

// `--quick [filter]` takes seconds and prints GFLOP/s beside the measured peak; `--quick workers` times the starting of parallel jobs;
// `--ladder [picture.png]` runs the steps of docs/04-gemm.md; everything else goes to BenchmarkDotNet.
if (args is ["--quick", "workers"])
{
    QuickWorkers.Run();
}
else if (args is ["--quick", ..])
{
    return QuickGemm.Run(args.Length > 1 ? args[1] : "") ? 0 : 1;
}
else if (args is ["--ladder", ..])
{
    Ladder.Run(args.Length > 1 ? args[1] : null);
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(GemmBench).Assembly).Run(args);
}
return 0;
