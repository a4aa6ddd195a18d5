using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Ops.Tests.Layers;

public class MlpTests
{
    public static TheoryData<NormalizationScheme> Schemes => [.. Enum.GetValues<NormalizationScheme>()];

    /// <summary>Without those whose gradients are not derivatives, on purpose.</summary>
    public static TheoryData<NormalizationScheme> AttachedSchemes =>
        [.. Enum.GetValues<NormalizationScheme>().Where(
            scheme => !scheme.ToString().StartsWith("LayerDetached", StringComparison.Ordinal))];

    [Theory]
    [InlineData(
        NormalizationScheme.None,
        "hidden0.linear.weight hidden0.linear.bias hidden1.linear.weight hidden1.linear.bias output.weight output.bias", "")]
    [InlineData(
        NormalizationScheme.Weight,
        "hidden0.linear.weight hidden0.linear.gain hidden0.linear.bias " +
        "hidden1.linear.weight hidden1.linear.gain hidden1.linear.bias output.weight output.bias", "")]
    [InlineData(NormalizationScheme.Layer, WithNorm, "")]
    [InlineData(NormalizationScheme.Rms, WithNorm, "")]
    [InlineData(NormalizationScheme.LayerSimple, "hidden0.linear.weight hidden1.linear.weight output.weight output.bias", "")]
    [InlineData(
        NormalizationScheme.Batch, WithNorm,
        "hidden0.norm.runningMean hidden0.norm.runningVariance hidden1.norm.runningMean hidden1.norm.runningVariance")]
    public void Parameters_and_state_have_stable_paths(NormalizationScheme scheme, string parameters, string state)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(1);
        using Mlp<float> mlp = new(backend, 4, [8, 16], 3, new Philox(1), scheme);
        Assert.Equal(parameters, string.Join(' ', mlp.NamedParameters.Select(named => named.Path)));
        Assert.Equal(state, string.Join(' ', mlp.NamedState.Select(named => named.Path)));
    }

    private const string WithNorm =
        "hidden0.linear.weight hidden0.norm.gain hidden0.norm.bias " +
        "hidden1.linear.weight hidden1.norm.gain hidden1.norm.bias output.weight output.bias";

    [Theory]
    [MemberData(nameof(AttachedSchemes))]
    public void Gradients_of_all_parameters_agree_with_finite_differences(NormalizationScheme scheme)
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        using Mlp<double> mlp = new(backend, 4, [16, 24], 3, new Philox(1), scheme, Activation.Tanh);
        GradCheck.Layer(backend, mlp, HostTensor<double>.Random("x", new Shape(5, 4), 3)).ThrowIfFailed();
    }

    [Fact]
    public void Schemes_start_from_the_same_weights_and_weight_norm_from_the_same_function()
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        using Mlp<double> plain = new(backend, 4, [16], 3, new Philox(1));
        using Mlp<double> layer = new(backend, 4, [16], 3, new Philox(1), NormalizationScheme.Layer);
        using Mlp<double> weight = new(backend, 4, [16], 3, new Philox(1), NormalizationScheme.Weight);
        Assert.Equal(plain.Parameters[0].ToArray(), layer.Parameters[0].ToArray());
        using Tape<double> tape = new(backend);
        Tensor<double> x = tape.Constant(TestArrays.Random(20), new Shape(5, 4));
        double[] expected = plain.Forward(x).ToArray(), got = weight.Forward(x).ToArray();
        Assert.All(expected.Zip(got), pair => Assert.Equal(pair.First, pair.Second, 1e-13));
    }

    [Fact]
    public void A_module_for_a_scheme_that_has_none_is_refused()
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        Assert.Contains(
            "Weight", Assert.Throws<ArgumentException>(() => new Normalization<double>(backend, NormalizationScheme.Weight, 4)).Message);
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void A_hundred_steps_from_one_seed_give_the_same_weights(NormalizationScheme scheme)
    {
        float[] expected = Train(scheme, threads: 1, steps: 100, seed: 1);
        Assert.Equal(expected, Train(scheme, threads: 1, steps: 100, seed: 1));
        Assert.NotEqual(expected, Train(scheme, threads: 1, steps: 100, seed: 2));
        Assert.All(expected, weight => Assert.True(float.IsFinite(weight)));
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Weights_do_not_depend_on_the_number_of_threads(NormalizationScheme scheme)
    {
        float[] expected = Train(scheme, threads: 1, steps: 5, seed: 1);
        foreach (int threads in (int[])[2, 4, 8])
        {
            Assert.Equal(expected, Train(scheme, threads, steps: 5, seed: 1));
        }
    }

    /// <summary>All weights and state after some steps of Adam on a fixed batch; wide enough that work falls into several chunks.</summary>
    private static float[] Train(NormalizationScheme scheme, int threads, int steps, ulong seed)
    {
        using IBackend<float> backend = CpuBackend.Create<float>(threads);
        using Mlp<float> mlp = new(backend, 20, [160, 96], 5, new Philox(seed), scheme);
        using Adam<float> optimizer = new(mlp.Parameters, 1e-2);
        using Tape<float> tape = new(backend);
        float[] x = [.. TestArrays.Random(128 * 20).Select(v => (float)v)];
        float[] target = [.. TestArrays.Random(128 * 5, 9).Select(v => (float)v)];
        for (int step = 0; step < steps; step++)
        {
            Tensor<float> error = mlp.Forward(tape.Constant(x, new Shape(128, 20))) - tape.Constant(target, new Shape(128, 5));
            tape.Backward((error * error).Sum());
            optimizer.Step();
            optimizer.ZeroGradients();
            tape.Reset();
        }
        return [.. mlp.Parameters.Concat(mlp.NamedState.Select(named => named.Parameter)).SelectMany(parameter => parameter.ToArray())];
    }
}
