using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

/// <summary>Every rule against the loop in its paper, one number at a time, over steps with changing gradients and rates.</summary>
public sealed class OptimizerRuleTests : OptimizerTest
{
    private const int Steps = 20;
    private static readonly double[] Start = [1.5, -0.3, 0, 2e-3, -7, 1e3, 1e-9, 0.25, -0.75];

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
        using Parameter<double> full = new(Backend, "p", new Shape(3));
        using Adam<float> a = new([single], 0.01);
        using Adam<double> b = new([full], 0.01);
        using Tape<float> floatTape = new(floats);
        for (int step = 0; step < 1000; step++)
        {
            floatTape.Backward(floatTape.Watch(single).Tanh(), [0.1f, -2e-4f, 30]);
            Tape.Backward(Tape.Watch(full).Tanh(), [0.1, -2e-4, 30]);
            a.Step();
            b.Step();
            a.ZeroGradients();
            b.ZeroGradients();
            floatTape.Reset();
            Tape.Reset();
        }
        Assert.All(full.ToArray().Zip(single.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 2e-4 * Math.Abs(pair.First)));
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
    public void Averages_of_gradients_that_stay_zero_end_at_zero_or_above_the_subnormal_numbers(
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
            // Adam's mean square has lost a part only; that of RmsProp ends at a floor.
            (float least, float most) = (rule, name) switch
            {
                ("Adam", "0.meanSquare") => (1e-12f, 1e-9f),
                ("RmsProp", "0.meanSquare") => (1.1e-34f, 1.3e-34f),
                _ => (0, 0),
            };
            Assert.All(state, value => Assert.True(value >= least && value <= most, $"{name} is {value}"));
        }
    }

    [Fact]
    public void Averages_of_a_gradient_that_is_not_a_number_stay_so()
    {
        using Parameter<double> parameter = new(Backend, "p", new Shape(1));
        using Adam<double> optimizer = new([parameter], 0.1);
        SetGradient(parameter, [double.NaN]);
        optimizer.Step();
        Assert.Equal([double.NaN], parameter.ToArray());
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
        using Parameter<double> parameter = new(Backend, "p", new Shape(3, 3));
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
}
