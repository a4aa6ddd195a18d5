using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Cuda.Tests;

/// <summary>Twenty steps of training give the processor's losses and weights, in every mode of the device.</summary>
public class TrainingTests : DeviceTest
{
    [Theory]
    [InlineData(false, SoftwareDevice.Order.Forward)]
    [InlineData(true, SoftwareDevice.Order.Forward)]
    [InlineData(false, SoftwareDevice.Order.Reverse)]
    [InlineData(true, SoftwareDevice.Order.Random)]
    internal void A_perceptron_in_float_follows_the_processor(bool lazy, SoftwareDevice.Order order)
    {
        SoftwareDevice.Configure(lazy, order);
        AssertFollows<float>(1e-5, backend => Train(backend, NormalizationScheme.Layer));
    }

    [Theory]
    [InlineData(NormalizationScheme.None)]
    [InlineData(NormalizationScheme.Layer)]
    [InlineData(NormalizationScheme.Batch)]
    [InlineData(NormalizationScheme.Weight)]
    public void A_perceptron_in_double_follows_the_processor(NormalizationScheme scheme) =>
        AssertFollows<double>(1e-11, backend => Train(backend, scheme));

    [Theory]
    [InlineData("layer")]
    [InlineData("plain")]
    public void A_recurrent_network_follows_the_processor(string norm)
    {
        RecurrentOptions options = norm == "layer" ? RecurrentPresets.Paper : RecurrentPresets.Plain;
        AssertFollows<float>(1e-5, backend => TrainSequence(backend, options));
        AssertFollows<double>(1e-11, backend => TrainSequence(backend, options));
    }

    [Fact]
    public void Two_runs_are_equal_to_the_last_bit()
    {
        static double[] Run(IBackend<float> backend) => Train(backend, NormalizationScheme.Layer);
        Assert.Equal(OnDevice<float>(Run), OnDevice<float>(Run));
    }

    private static void AssertFollows<T>(double tolerance, Func<IBackend<T>, double[]> train)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using IBackend<T> cpu = CpuBackend.Create<T>(1);
        double[] expected = train(cpu), got = OnDevice(train);
        double largest = expected.Max(Math.Abs), worst = expected.Zip(got, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst <= tolerance * largest, $"Differs by {worst:g3}.");
    }

    private static double[] OnDevice<T>(Func<IBackend<T>, double[]> train)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        using CudaBackend<T> backend = Create<T>();
        double[] numbers = train(backend);
        Assert.Equal(0, backend.Pool.Outstanding);
        return numbers;
    }

    /// <summary>The losses, then the weights.</summary>
    private static double[] Train<T>(IBackend<T> backend, NormalizationScheme scheme)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        const int rows = 9, inputs = 13, classes = 5;
        using Mlp<T> model = new(backend, inputs, [17, 11], classes, new Philox(1), scheme, Activation.Relu);
        using Adam<T> optimizer = new(model.Parameters, 0.01);
        using Tape<T> tape = new(backend);
        Philox random = new(2);
        T[] x = new T[rows * inputs];
        int[] labels = new int[rows];
        List<double> numbers = [];
        for (int step = 0; step < 20; step++)
        {
            random.Normal<T>(x);
            for (int row = 0; row < rows; row++)
            {
                labels[row] = random.NextInt32(classes);
            }
            Tensor<T> loss = model.Forward(tape.Constant(x, new Shape(rows, inputs)), Phase.Training).SoftmaxCrossEntropy(labels);
            tape.Backward(loss);
            optimizer.Step();
            optimizer.ZeroGradients();
            numbers.Add(double.CreateChecked(loss.Item()));
            tape.Reset();
        }
        numbers.AddRange(model.Parameters.SelectMany(parameter => parameter.ToArray()).Select(double.CreateChecked));
        return [.. numbers];
    }

    /// <summary>The same for an LSTM over sequences.</summary>
    private static double[] TrainSequence<T>(IBackend<T> backend, RecurrentOptions options)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        const int steps = 6, cases = 5, inputs = 7, classes = 4;
        using Lstm<T> model = new(backend, inputs, 12, new Philox(1), options, outputs: classes);
        using Adam<T> optimizer = new(model.Parameters, 0.01);
        using Tape<T> tape = new(backend);
        Philox random = new(2);
        T[] x = new T[steps * cases * inputs];
        int[] labels = new int[steps * cases];
        List<double> numbers = [];
        for (int step = 0; step < 20; step++)
        {
            random.Normal<T>(x);
            for (int row = 0; row < labels.Length; row++)
            {
                labels[row] = random.NextInt32(classes);
            }
            Tensor<T> scores = model.Forward(tape.Constant(x, new Shape(steps, cases, inputs)));
            Tensor<T> loss = scores.Reshape(labels.Length, classes).SoftmaxCrossEntropy(labels);
            tape.Backward(loss);
            model.Parameters.ClipGradientNorm(1);
            optimizer.Step();
            optimizer.ZeroGradients();
            numbers.Add(double.CreateChecked(loss.Item()));
            tape.Reset();
        }
        numbers.AddRange(model.Parameters.SelectMany(parameter => parameter.ToArray()).Select(double.CreateChecked));
        return [.. numbers];
    }
}
