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

    [Fact]
    public void The_recurrent_network()
    {
        // <lstm>
        const int Steps = 12, Cases = 32;
        using IBackend<float> backend = CpuBackend.Create<float>();
        using Lstm<float> model = new(backend, inputs: 1, hidden: 16, new Philox(seed: 1), RecurrentPresets.Paper, outputs: 1);
        using Adam<float> optimizer = new(model.Parameters, learningRate: 0.01);
        using Tape<float> tape = new(backend);
        Philox random = new(seed: 2);
        float[] bits = new float[Steps * Cases], odd = new float[Steps * Cases];    // step by step: (T, N, 1)
        for (int step = 1; step <= 400; step++)
        {
            for (int i = 0; i < bits.Length; i++)
            {
                bits[i] = random.NextInt32(2);
                odd[i] = i < Cases ? bits[i] : bits[i] == odd[i - Cases] ? 0 : 1;   // has the number of ones so far been odd?
            }
            Tensor<float> y = model.Forward(tape.Constant(bits, new Shape(Steps, Cases, 1)));
            tape.Backward(y.BinaryCrossEntropyWithLogits(tape.Constant(odd, y.Shape)));
            optimizer.Step();
            optimizer.ZeroGradients();
            if (step == 400)
            {
                int wrong = y.ToArray().Zip(odd, (score, answer) => score > 0 != answer > 0).Count(isWrong => isWrong);
                console.WriteLine($"{wrong} of {odd.Length} wrong");
            }
            tape.Reset();
        }
        // </lstm>
        string printed = console.Output.ReplaceLineEndings("\n").TrimEnd();
        Assert.Equal("0 of 384 wrong", printed);
        Assert.Contains(printed, Repository.Readme, StringComparison.Ordinal);
    }
}
