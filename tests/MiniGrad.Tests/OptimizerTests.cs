using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

/// <summary>What all optimizers do around their rule: gradients, state, several backends, settings, the end.</summary>
public sealed class OptimizerTests : OptimizerTest
{
    [Fact]
    public void A_parameter_without_gradient_keeps_value_state_and_its_own_step_count()
    {
        using Parameter<double> used = new(Backend, "used", new Shape(1)), unused = new(Backend, "unused", new Shape(1));
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
        using Parameter<double> parameter = new(Backend, "p", new Shape(2));
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
        using Parameter<double> a = new(Backend, "weight", new Shape(2)), b = new(Backend, "weight", new Shape(3));
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
            Backend.Download(from, host);
            Backend.Upload<double>(host, to);
        }
        Train(first, 2);
        double[][] expected = [a.ToArray(), b.ToArray()];
        a.Set(valueA);
        b.Set(valueB);
        Train(second, 2);
        Assert.Equal(expected, new[] { a.ToArray(), b.ToArray() });
    }

    [Fact]
    public void Parameters_of_several_backends_train_together()
    {
        using IBackend<double> other = CpuBackend.Create<double>(threads: 1);
        using Parameter<double> here = new(Backend, "here", new Shape(1)), there = new(other, "there", new Shape(1));
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
        using Parameter<double> parameter = new(Backend, "weight", new Shape(2));
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
        using Parameter<double> parameter = new(Backend, "weight", new Shape(2));
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
        Parameter<double> parameter = new(Backend, "weight", new Shape(2));
        Adam<double> optimizer = new([parameter]);
        SetGradient(parameter, [1, 1]);
        parameter.Dispose();
        Assert.Contains("weight (2,)", Assert.Throws<ObjectDisposedException>(optimizer.Step).ObjectName);
        optimizer.Dispose();
        optimizer.Dispose();
        Assert.Throws<ObjectDisposedException>(optimizer.Step);
    }
}
