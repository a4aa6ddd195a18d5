using CommandLine;
using MiniGrad.GoldenGenerator;
using MiniGrad.Ops.Cpu;
using MiniGrad.PeerBenchmarks;
using TorchSharp;

// MiniGrad against libtorch, oneDNN and OpenBLAS; see ../README.md.
return Parser.Default.ParseArguments<Options>(args).MapResult(Run, _ => 2);

static int Run(Options options)
{
    string[] only = [.. options.Only];
    if (only.Except(Groups.Names).FirstOrDefault() is { } unknown)
    {
        Console.Error.WriteLine($"error: there is no group '{unknown}'; there are {string.Join(", ", Groups.Names)}.");
        return 2;
    }
    if (options.Threads < 1 || options.Rounds < 1)
    {
        Console.Error.WriteLine("error: --threads and --rounds are 1 at least.");
        return 2;
    }
    // Enumerated again below, so that a case and its data can be collected once it is done.
    IEnumerable<PeerCase> cases = Groups.Cases(only).Where(peerCase => peerCase.Name.Contains(options.Case, StringComparison.Ordinal));
    if (!options.Serve && !cases.Any())
    {
        Console.Error.WriteLine(
            $"error: no case of {string.Join(", ", only.DefaultIfEmpty("any group"))} has '{options.Case}' in its name.");
        return 2;
    }
    NativeLoader.Load();
    torch.set_num_threads(options.Threads);
    if (options.Serve)
    {
        TunedTorchServer.Run();
        return 0;
    }
    foreach ((_, _, BlasLibrary? library) in BlasLibrary.All)
    {
        library?.SetThreads(options.Threads);
    }
    Console.WriteLine($"{cases.Count()} cases, {options.Threads} thread(s), {SimdSupport.Default}. Ratios: peer's time / MiniGrad's time.");
    List<CaseResult> results = [];
    using TunedTorch tuned = new(options);
    Match match = new(options, tuned);
    OtherLoad load = new(() => Environment.CpuUsage.TotalTime + tuned.ProcessorTime);
    foreach (PeerCase peerCase in cases)
    {
        results.Add(match.Play(peerCase));
        Console.WriteLine(Report.Line(results[^1]));
        if (options.Json is not null)
        {
            // After every case, so that a run that is stopped leaves what it has.
            Row.Write(options.Json, [.. results.SelectMany(result => result.Rows)]);
        }
    }
    Report.Write(results, Goal.Of(SimdSupport.Default, options.Threads));
    Console.WriteLine($"Meanwhile other processes kept {load.Cores:F2} cores busy: times are comparable between runs if this is near 0.");
    return 0;
}
