using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Docs.Tests;

/// <summary>The programs that the README shows, word for word between their markers.</summary>
public class ReadmeSnippets(ITestOutputHelper console)
{
    [Fact]
    public void The_tape_in_twenty_lines()
    {
        // <tape>
        using IBackend<double> backend = CpuBackend.Create<double>();
        using Tape<double> tape = new(backend);
        using Parameter<double> w = new(backend, "w", new Shape(2, 1));
        using Parameter<double> b = new(backend, "b", new Shape(1));
        using Sgd<double> optimizer = new([w, b], learningRate: 0.5);

        double[] inputs = [0, 0, 0, 1, 1, 0, 1, 1], targets = [0, 1, 1, 1]; // the logical or
        for (int step = 0; step < 500; step++)
        {
            Tensor<double> x = tape.Constant(inputs, new Shape(4, 2)), t = tape.Constant(targets, new Shape(4, 1));
            Tensor<double> y = x.MatMul(tape.Watch(w)) + tape.Watch(b);         // forward: each op runs and is recorded
            Tensor<double> loss = y.BinaryCrossEntropyWithLogits(t);
            tape.Backward(loss);                                                // backward: the records, last to first
            optimizer.Step();
            optimizer.ZeroGradients();
            if (step == 499)
            {
                console.WriteLine($"loss {loss.Item():f3}, P(1) = {y.Sigmoid()}");
            }
            tape.Reset();                                                       // memory goes back to the pool
        }
        // </tape>
        string printed = console.Output.ReplaceLineEndings("\n").TrimEnd();
        Assert.StartsWith("loss 0.0", printed, StringComparison.Ordinal);
        Assert.Contains(printed, Repository.Readme, StringComparison.Ordinal);
    }

    [Fact]
    public void The_gradient_check()
    {
        // <check>
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>();
        using Mlp<double> model = new(backend, inputs: 4, hiddenSizes: [6], outputs: 3, new Philox(seed: 1), NormalizationScheme.Layer, Activation.Tanh);
        GradCheckReport report = GradCheck.Module(
            backend, model, x => model.Forward(x[0]).SoftmaxCrossEntropy([0, 2, 1]),
            [HostTensor<double>.Random("x", new Shape(3, 4), seed: 2)], new GradCheckOptions { Order = 2 });
        report.ThrowIfFailed();
        // </check>
        Assert.True(report.Passed);
    }
}
