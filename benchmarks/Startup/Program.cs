#if TORCH
using MiniGrad.GoldenGenerator;
using TorchSharp;

NativeLoader.Load();
torch.Tensor a = torch.tensor(new float[] { 1, 2, 3, 4 }, 2, 2, requires_grad: true);
torch.Tensor b = torch.tensor(new float[] { 5, 6, 7, 8 }, 2, 2);
torch.mm(a, b).sum().backward();
float[] gradient = a.grad!.data<float>().ToArray();
#else
using MiniGrad;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;

using IBackend<float> backend = CpuBackend.Create<float>();
using Tape<float> tape = new(backend);
Tensor<float> a = tape.Variable([1, 2, 3, 4], new Shape(2, 2)), b = tape.Constant([5, 6, 7, 8], new Shape(2, 2));
tape.Backward(a.MatMul(b).Sum());
float[] gradient = a.GradientToArray();
#endif

// With any argument, says how much memory the process took at most: only the process itself can tell that from its parent's.
if (args.Length > 0)
{
    Console.WriteLine(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal)));
}
// d sum(a b) / da_ik = sum over j of b_kj.
return gradient is [11, 15, 11, 15] ? 0 : 1;
