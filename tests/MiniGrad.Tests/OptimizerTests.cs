using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

/// <summary>Every rule against the loop in its paper, one number at a time, over steps with changing gradients and rates.</summary>
public sealed class OptimizerTests : IDisposable
{
    private const int Steps = 20;
    private static readonly double[] Start = [1.5, -0.3, 0, 2e-3, -7, 1e3, 1e-9, 0.25, -0.75];

    private readonly IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
    private readonly Tape<double> tape;

    public OptimizerTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        Assert.Equal(0, backend.Pool.Outstanding);
        backend.Dispose();
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(0, 0.1, false)]
    [InlineData(0.9, 0, false)]
    [InlineData(0.9, 0.1, false)]
    [InlineData(0.9, 0.1, true)]
    public void Sgd_follows_its_formula(double momentum, double decay, bool nesterov) => Check(
        parameters => new Sgd<double>(parameters, 0.1, momentum, decay, nesterov),
        (i, p, grad, rate, t, state) =>
        {
            double g = grad + (decay * p);
            state[0] = t == 1 ? g : (momentum * state[0]) + g;
            return p - (rate * (nesterov ? g + (momentum * state[0]) : momentum > 0 ? state[0] : g));
        });

    [Theory]
    [InlineData(0.9, 0.999, 1e-8, 0)]
    [InlineData(0.8, 0.95, 1e-3, 0)]
    [InlineData(0.9, 0.999, 1e-8, 0.1)]
    [InlineData(0, 0, 1e-8, 0)]
    public void Adam_follows_its_formula(double beta1, double beta2, double epsilon, double decay) => Check(
        parameters => new Adam<double>(parameters, 0.1, beta1, beta2, epsilon, decay),
        (i, p, grad, rate, t, state) => AdamStep(p, grad + (decay * p), rate, t, state, beta1, beta2, epsilon));

    [Fact]
    public void AdamW_decays_apart_from_the_gradient() => Check(
        parameters => new AdamW<double>(parameters, 0.1, weightDecay: 0.2),
        (i, p, grad, rate, t, state) => AdamStep(p * (1 - (rate * 0.2)), grad, rate, t, state, 0.9, 0.999, 1e-8));

    [Theory]
    [InlineData(0.99, 1e-8, 0, 0)]
    [InlineData(0.9, 1e-3, 0, 0.1)]
    [InlineData(0.99, 1e-8, 0.9, 0)]
    [InlineData(0.5, 1e-2, 0.5, 0.1)]
    public void RmsProp_follows_its_formula(double alpha, double epsilon, double momentum, double decay) => Check(
        parameters => new RmsProp<double>(parameters, 0.1, alpha, epsilon, momentum, decay),
        (i, p, grad, rate, t, state) =>
        {
            double g = grad + (decay * p);
            state[0] = (alpha * state[0]) + ((1 - alpha) * g * g);
            state[1] = (momentum * state[1]) + (g / (Math.Sqrt(state[0]) + epsilon));
            return p - (rate * state[1]);
        });

    [Fact]
    public void A_float_optimizer_follows_the_double_one()
    {
        using IBackend<float> floats = CpuBackend.Create<float>(threads: 1);
        using Parameter<float> single = new(floats, "p", new Shape(3));
        using Parameter<double> full = new(backend, "p", new Shape(3));
        using Adam<float> a = new([single], 0.01);
        using Adam<double> b = new([full], 0.01);
        using Tape<float> floatTape = new(floats);
        for (int step = 0; step < 1000; step++)
        {
            floatTape.Backward(floatTape.Watch(single).Tanh(), [0.1f, -2e-4f, 30]);
            tape.Backward(tape.Watch(full).Tanh(), [0.1, -2e-4, 30]);
            a.Step();
            b.Step();
            a.ZeroGradients();
            b.ZeroGradients();
            floatTape.Reset();
            tape.Reset();
        }
        Assert.All(full.ToArray().Zip(single.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 2e-4 * Math.Abs(pair.First)));
    }

    [Fact]
    public void A_parameter_without_gradient_keeps_value_state_and_its_own_step_count()
    {
        using Parameter<double> used = new(backend, "used", new Shape(1)), unused = new(backend, "unused", new Shape(1));
        used.Set([1]);
        unused.Set([1]);
        using AdamW<double> optimizer = new([used, unused], 0.1, weightDecay: 0.5);
        SetGradient(used, [1]);
        optimizer.Step();
        Assert.Equal([1], unused.ToArray());
        SetGradient(unused, [1]);
        optimizer.Step();
        Assert.Equal([2, 1], optimizer.StepsOfParameters.ToArray());
        Assert.Equal(2, optimizer.StepCount);
        // Its first step is bias-corrected as a first step: 1 - lr decay, minus lr.
        Assert.Equal(0.95 - 0.1, unused.ToArray()[0], 1e-8);
    }

    [Fact]
    public void Gradients_of_several_passes_add_up_until_they_are_zeroed()
    {
        using Parameter<double> parameter = new(backend, "p", new Shape(2));
        using Sgd<double> optimizer = new([parameter], 1);
        SetGradient(parameter, [1, 2]);
        SetGradient(parameter, [10, 20]);
        Assert.Equal([11, 22], parameter.GradientToArray());
        optimizer.ZeroGradients();
        Assert.False(parameter.HasGradient);
        Assert.Equal([0, 0], parameter.GradientToArray());
        SetGradient(parameter, [3, 4]);
        optimizer.Step();
        Assert.Equal([-3, -4], parameter.ToArray());
    }

    [Fact]
    public void State_has_stable_names_and_restores_training_exactly()
    {
        using Parameter<double> a = new(backend, "weight", new Shape(2)), b = new(backend, "weight", new Shape(3));
        using Adam<double> first = new([a, b], 0.1);
        void Train(Adam<double> optimizer, int steps)
        {
            for (int i = 0; i < steps; i++)
            {
                SetGradient(a, [1 + i, -2]);
                SetGradient(b, [0.5, i, 3]);
                optimizer.Step();
                optimizer.ZeroGradients();
            }
        }
        Train(first, 3);
        Assert.Equal(["0.mean", "0.meanSquare", "1.mean", "1.meanSquare"], first.NamedState.Select(state => state.Name));
        double[] valueA = a.ToArray(), valueB = b.ToArray();
        using Adam<double> second = new([a, b], 0.1) { StepCount = first.StepCount };
        first.StepsOfParameters.CopyTo(second.StepsOfParameters);
        foreach (((string name, DeviceBuffer<double> from), (_, DeviceBuffer<double> to)) in first.NamedState.Zip(second.NamedState))
        {
            double[] host = new double[from.Length];
            backend.Download(from, host);
            backend.Upload<double>(host, to);
        }
        Train(first, 2);
        double[][] expected = [a.ToArray(), b.ToArray()];
        a.Set(valueA);
        b.Set(valueB);
        Train(second, 2);
        Assert.Equal(expected, new[] { a.ToArray(), b.ToArray() });
    }

    public static TheoryData<string, Func<IReadOnlyList<Parameter<float>>, Optimizer<float>>> WithAverages => new()
    {
        { "Adam", parameters => new Adam<float>(parameters) },
        { "momentum", parameters => new Sgd<float>(parameters, 0.1, 0.9) },
        { "Nesterov", parameters => new Sgd<float>(parameters, 0.1, 0.9, nesterov: true) },
        { "RmsProp", parameters => new RmsProp<float>(parameters, 0.1, alpha: 0.9, momentum: 0.9) },
    };

    [Theory]
    [MemberData(nameof(WithAverages))]
    public void Averages_of_gradients_that_stay_zero_end_at_zero_and_not_among_the_subnormal_numbers(
        string rule, Func<IReadOnlyList<Parameter<float>>, Optimizer<float>> make)
    {
        using IBackend<float> floats = CpuBackend.Create<float>(threads: 1);
        using Parameter<float> weight = new(floats, "weight", new Shape(20));
        using Optimizer<float> optimizer = make([weight]);
        using Tape<float> steps = new(floats);
        for (int step = 0; step < 2500; step++)
        {
            steps.Backward(steps.Watch(weight).Tanh(), Enumerable.Repeat(step == 0 ? 1e-3f : 0, 20).ToArray());
            optimizer.Step();
            optimizer.ZeroGradients();
            steps.Reset();
        }
        foreach ((string name, DeviceBuffer<float> buffer) in optimizer.NamedState)
        {
            float[] state = new float[buffer.Length];
            floats.Download(buffer, state);
            bool decaysSlowly = rule == "Adam" && name == "0.meanSquare";
            Assert.All(state, value => Assert.True(decaysSlowly ? value > 1e-12f : value == 0, $"{name} is {value}"));
        }
    }

    [Fact]
    public void Averages_of_a_gradient_that_is_not_a_number_stay_so()
    {
        using Parameter<double> parameter = new(backend, "p", new Shape(1));
        using Adam<double> optimizer = new([parameter], 0.1);
        SetGradient(parameter, [double.NaN]);
        optimizer.Step();
        Assert.Equal([double.NaN], parameter.ToArray());
    }

    [Fact]
    public void Parameters_of_several_backends_train_together()
    {
        using IBackend<double> other = CpuBackend.Create<double>(threads: 1);
        using Parameter<double> here = new(backend, "here", new Shape(1)), there = new(other, "there", new Shape(1));
        using Tape<double> otherTape = new(other);
        using Sgd<double> optimizer = new([here, there], 0.5, momentum: 0.9);
        SetGradient(here, [2]);
        otherTape.Backward(otherTape.Watch(there).Tanh(), [4]);
        optimizer.Step();
        Assert.Equal([-1, -2], [here.ToArray()[0], there.ToArray()[0]]);
    }

    [Fact]
    public void A_parameter_given_twice_is_refused()
    {
        using Parameter<double> parameter = new(backend, "weight", new Shape(2));
        string message = Assert.Throws<ArgumentException>(() => new Adam<double>([parameter, parameter])).Message;
        Assert.Contains("weight (2,)", message);
        Assert.Contains("twice", message);
    }

    public static TheoryData<string, string, Func<IReadOnlyList<Parameter<double>>, Optimizer<double>>> BadSettings => new()
    {
        { "learningRate", "0", parameters => new Sgd<double>(parameters, 0) },
        { "learningRate", "-1", parameters => new Adam<double>(parameters, -1) },
        { "learningRate", "NaN", parameters => new Adam<double>(parameters, double.NaN) },
        { "momentum", "1", parameters => new Sgd<double>(parameters, 1, momentum: 1) },
        { "momentum", "-0.5", parameters => new RmsProp<double>(parameters, momentum: -0.5) },
        { "weightDecay", "-1", parameters => new Sgd<double>(parameters, 1, weightDecay: -1) },
        { "beta1", "1", parameters => new Adam<double>(parameters, beta1: 1) },
        { "beta2", "1.1", parameters => new AdamW<double>(parameters, beta2: 1.1) },
        { "epsilon", "0", parameters => new Adam<double>(parameters, epsilon: 0) },
        { "alpha", "-0.1", parameters => new RmsProp<double>(parameters, alpha: -0.1) },
    };

    [Theory]
    [MemberData(nameof(BadSettings))]
    public void A_setting_out_of_range_is_refused_with_its_name_value_and_range(
        string name, string value, Func<IReadOnlyList<Parameter<double>>, Optimizer<double>> make)
    {
        using Parameter<double> parameter = new(backend, "weight", new Shape(2));
        string message = Assert.Throws<ArgumentOutOfRangeException>(() => make([parameter])).Message;
        Assert.StartsWith($"{name} is {value}, but must be ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nesterov_needs_momentum() => Assert.Throws<ArgumentException>(() => new Sgd<double>([], 1, nesterov: true));

    [Fact]
    public void A_rate_may_end_at_zero_but_not_below()
    {
        using Sgd<double> optimizer = new([], 1) { LearningRate = 0 };
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.LearningRate = -1e-9);
    }

    [Fact]
    public void Disposed_optimizers_and_parameters_say_so()
    {
        Parameter<double> parameter = new(backend, "weight", new Shape(2));
        Adam<double> optimizer = new([parameter]);
        SetGradient(parameter, [1, 1]);
        parameter.Dispose();
        Assert.Contains("weight (2,)", Assert.Throws<ObjectDisposedException>(optimizer.Step).ObjectName);
        optimizer.Dispose();
        optimizer.Dispose();
        Assert.Throws<ObjectDisposedException>(optimizer.Step);
    }

    private static double AdamStep(double p, double g, double rate, long t, double[] state, double beta1, double beta2, double epsilon)
    {
        state[0] = (beta1 * state[0]) + ((1 - beta1) * g);
        state[1] = (beta2 * state[1]) + ((1 - beta2) * g * g);
        double mHat = state[0] / (1 - Math.Pow(beta1, t)), vHat = state[1] / (1 - Math.Pow(beta2, t));
        return p - (rate * mHat / (Math.Sqrt(vHat) + epsilon));
    }

    private delegate double Formula(int i, double p, double gradient, double rate, long t, double[] state);

    private void Check(Func<IReadOnlyList<Parameter<double>>, Optimizer<double>> make, Formula formula)
    {
        using Parameter<double> parameter = new(backend, "p", new Shape(3, 3));
        parameter.Set(Start);
        using Optimizer<double> optimizer = make([parameter]);
        double[] expected = [.. Start];
        double[][] state = [.. Start.Select(_ => new double[2])];
        Philox random = new(17);
        Schedule schedule = Schedules.Cosine(0.1, Steps, 0.01);
        double[] gradient = new double[Start.Length];
        for (int step = 1; step <= Steps; step++)
        {
            random.Normal<double>(gradient);
            gradient[4] = 0;
            SetGradient(parameter, gradient);
            optimizer.LearningRate = schedule(optimizer.StepCount);
            optimizer.Step();
            optimizer.ZeroGradients();
            for (int i = 0; i < expected.Length; i++)
            {
                expected[i] = formula(i, expected[i], gradient[i], schedule(step - 1), step, state[i]);
            }
            Assert.All(
                expected.Zip(parameter.ToArray()),
                pair => Assert.Equal(pair.First, pair.Second, 1e-13 * Math.Max(1, Math.Abs(pair.First))));
        }
    }

    /// <summary>Adds a gradient: that of 1 x at x = the parameter, whose VJP is the cotangent itself.</summary>
    private void SetGradient(Parameter<double> parameter, double[] gradient)
    {
        Tensor<double> zero = tape.Constant(new double[gradient.Length], parameter.Shape);
        tape.Backward(tape.Watch(parameter) + zero, gradient);
        tape.Reset();
    }
}
