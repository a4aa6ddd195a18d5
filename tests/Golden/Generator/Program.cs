using MiniGrad.GoldenGenerator;
using MiniGrad.Ops.Tests.Golden;
using TorchSharp;

// Writes every data file to the folder given, by default the one beside this project. See ../README.md.
string folder = args.Length > 0 ? args[0] : "tests/Golden";
NativeLoader.Load();
// Two threads may add in another order than one.
torch.set_num_threads(1);
Write("elementwise", ElementwiseCases.Add);
Write("reductions", ReductionCases.Add);
Write("matrix", MatrixCases.Add);
Write("softmax", SoftmaxCases.Add);
Write("losses", LossCases.Add);
Write("normalizers", NormalizerCases.Add);
Write("training", TrainingCases.Add);
Write("recurrent", RecurrentCases.Add);

void Write(string name, Action<Recorder> add)
{
    Recorder recorder = new();
    add(recorder);
    string path = Path.Combine(folder, $"{name}.json");
    GoldenFile.Write(path, recorder.Cases);
    Console.WriteLine($"{path}: {recorder.Cases.Count()} cases, {new FileInfo(path).Length / 1024} KiB");
}
