using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

/// <summary>A weight gradient multiplied out during the update gives the same as before it, whatever happens in between.</summary>
public sealed class FusedProductsTests : IDisposable
{
    private const int Inputs = 37, Outputs = 53;

    private readonly IBackend<float> backend = CpuBackend.Create<float>(threads: 2);

    public static TheoryData<string, NormalizationScheme, int> Trainings
    {
        get
        {
            TheoryData<string, NormalizationScheme, int> cases = [];
            foreach (string optimizer in new[] { "SGD", "momentum", "RMSProp" })
            {
                cases.Add(optimizer, NormalizationScheme.None, 4);
            }
            foreach (string optimizer in new[] { "SGD", "momentum", "RMSProp" })
            {
                cases.Add(optimizer, NormalizationScheme.Weight, 7);
            }
            foreach (NormalizationScheme scheme in Enum.GetValues<NormalizationScheme>())
            {
                cases.Add("Adam", scheme, 4);
                cases.Add("Adam", scheme, 16);
            }
            foreach (int batch in new[] { 1, 2, 3, 6, 13 })
            {
                cases.Add("Adam", NormalizationScheme.None, batch);
            }
            cases.Add("Adam", NormalizationScheme.Layer, 17); // Too many rows to be put off.
            return cases;
        }
    }

    public void Dispose()
    {
        Assert.Equal(0, backend.Pool.Outstanding);
        backend.Dispose();
    }

    [Theory]
    [MemberData(nameof(Trainings))]
    public void Training_ends_with_the_same_bits(string optimizer, NormalizationScheme scheme, int batch) =>
        Assert.Equal(Train(backend, optimizer, scheme, batch, fuses: false), Train(backend, optimizer, scheme, batch, fuses: true));

    [Theory]
    [InlineData(NormalizationScheme.None)]
    [InlineData(NormalizationScheme.Weight)]
    public void Training_on_dual_numbers_ends_with_the_same_bits(NormalizationScheme scheme)
    {
        using IDualBackend<float> dual = CpuBackend.CreateDual<float>(threads: 2);
        Assert.Equal(Train(dual, "Adam", scheme, 16, fuses: false), Train(dual, "Adam", scheme, 16, fuses: true));
    }

    [Theory]
    [InlineData(false, 4, 0)]
    [InlineData(true, 4, 4)]
    [InlineData(true, 16, 16)]
    [InlineData(true, 17, 0)]
    public void Only_products_of_few_rows_reach_the_update_unless_computed(bool fuses, int rows, int expected)
    {
        using Parameter<float> w = Weight("w", 1);
        using Probe optimizer = new([w]) { FusesProducts = fuses };
        using Tape<float> tape = new(backend);
        tape.Backward(Product(tape, w, seed: 2, rows).Sum());
        optimizer.Step();
        Assert.Equal(expected, optimizer.ProductRows);
    }

    [Fact]
    public void The_gradient_can_be_read_before_and_after_the_step()
    {
        float[][] gradients = [.. new[] { false, true }.SelectMany(fuses =>
        {
            using Parameter<float> w = Weight("w", 1);
            using Sgd<float> optimizer = new([w], 0.1) { FusesProducts = fuses };
            using Tape<float> tape = new(backend);
            Backward(tape, w, seed: 2);
            optimizer.Step();
            float[] after = w.GradientToArray();
            w.FillNormal(new Philox(1), 0, 1);
            w.ZeroGradient();
            Backward(tape, w, seed: 2);
            return new[] { after, w.GradientToArray() };
        })];
        Assert.All(gradients, gradient => Assert.Equal(gradients[0], gradient));
    }

    [Fact]
    public void A_second_pass_adds_to_the_first() => Check((tape, w, seeds) =>
    {
        Backward(tape, w, seeds[0]);
        Backward(tape, w, seeds[1]);
    });

    [Fact]
    public void A_second_pass_through_the_same_ops_adds_to_the_first() => Check((tape, w, seeds) =>
    {
        Tensor<float> y = Product(tape, w, seeds[0]);
        float[] cotangent = new float[y.Shape.ElementCount];
        foreach (ulong seed in seeds)
        {
            new Philox(seed).Normal<float>(cotangent);
            tape.Backward(y, cotangent); // The second writes its gradients where the first did.
        }
    });

    [Fact]
    public void A_second_layer_with_the_same_weights_adds_to_the_first() => Check((tape, w, seeds) =>
        tape.Backward((Product(tape, w, seeds[0]) + Product(tape, w, seeds[1])).Sum()));

    [Fact]
    public void A_reset_before_the_step_keeps_the_gradient() => Check((tape, w, seeds) =>
    {
        Backward(tape, w, seeds[0]);
        tape.Reset();
        Backward(tape, w, seeds[1]); // Would reuse the memory of the first.
    });

    [Fact]
    public void Clipping_sees_the_gradient() => Check((tape, w, seeds) =>
    {
        Backward(tape, w, seeds[0]);
        Assert.True(new[] { w }.ClipGradientNorm(0.01) > 0.01);
    });

    [Fact]
    public void An_input_that_is_trained_too_is_read_before_it_changes()
    {
        float[][] results = [.. new[] { false, true }.Select(fuses =>
        {
            using Parameter<float> x = new(backend, "x", new Shape(4, Inputs)), w = Weight("w", 1);
            x.FillNormal(new Philox(5), 0, 1);
            using Sgd<float> optimizer = new([x, w], 0.1) { FusesProducts = fuses };
            using Tape<float> tape = new(backend);
            tape.Backward(tape.Watch(x).Affine(tape.Watch(w)).Tanh().Sum());
            optimizer.Step();
            return w.ToArray();
        })];
        Assert.Equal(results[0], results[1]);
    }

    [Fact]
    public void Gradients_cleared_before_the_step_are_gone()
    {
        using Parameter<float> w = Weight("w", 1);
        using Sgd<float> optimizer = new([w], 0.1) { FusesProducts = true };
        using Tape<float> tape = new(backend);
        float[] before = w.ToArray();
        Backward(tape, w, seed: 2);
        optimizer.ZeroGradients();
        optimizer.Step();
        Assert.Equal(before, w.ToArray());
        Assert.All(w.GradientToArray(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(17, 0)]
    public void Weight_norm_reaches_the_update_as_a_product_with_shares(int rows, int expected)
    {
        using Parameter<float> v = Weight("v", 1), gain = Gain();
        using Probe optimizer = new([v, gain]) { FusesProducts = true };
        using Tape<float> tape = new(backend);
        BackwardScaled(tape, v, gain, rows);
        optimizer.Step();
        Assert.Equal(expected, optimizer.ProductRows);
        Assert.Equal(expected > 0 ? Outputs : 0, optimizer.Shares);
    }

    [Fact]
    public void A_gradient_with_shares_is_read_before_the_step_or_from_a_value_that_is_set()
    {
        float[][] gradients = [.. new[] { (false, false), (true, false), (true, true) }.Select(choice =>
        {
            using Parameter<float> v = Weight("v", 1), gain = Gain();
            using Sgd<float> optimizer = new([v, gain], 0.1) { FusesProducts = choice.Item1 };
            using Tape<float> tape = new(backend);
            BackwardScaled(tape, v, gain, rows: 4);
            if (choice.Item2)
            {
                v.Set(new float[Inputs * Outputs]);
            }
            return v.GradientToArray();
        })];
        Assert.Contains(gradients[0], value => value != 0);
        Assert.All(gradients, gradient => Assert.Equal(gradients[0], gradient));
    }

    [Fact]
    public void A_gradient_with_shares_is_gone_after_the_step_until_it_is_zeroed()
    {
        using Parameter<float> v = Weight("v", 1), gain = Gain();
        using Sgd<float> optimizer = new([v, gain], 0.1) { FusesProducts = true };
        using Tape<float> tape = new(backend);
        BackwardScaled(tape, v, gain, rows: 4);
        optimizer.Step();
        Assert.Contains("read it before the step", Assert.Throws<InvalidOperationException>(() => v.GradientToArray()).Message);
        Assert.Throws<InvalidOperationException>(() => BackwardScaled(tape, v, gain, rows: 4));
        optimizer.ZeroGradients();
        Assert.All(v.GradientToArray(), value => Assert.Equal(0, value));
        BackwardScaled(tape, v, gain, rows: 4);
        optimizer.Step();
    }

    /// <summary>Weights after one step from the gradient that <paramref name="pass"/> leaves, fused and not.</summary>
    private void Check(Action<Tape<float>, Parameter<float>, ulong[]> pass)
    {
        float[][] results = [.. new[] { false, true }.Select(fuses =>
        {
            using Parameter<float> w = Weight("w", 1);
            using Adam<float> optimizer = new([w], 0.1) { FusesProducts = fuses };
            using Tape<float> tape = new(backend);
            pass(tape, w, [2, 3]);
            optimizer.Step();
            return w.ToArray();
        })];
        Assert.Equal(results[0], results[1]);
        Assert.DoesNotContain(results[0], float.IsNaN);
    }

    private Parameter<float> Weight(string name, ulong seed) =>
        new Parameter<float>(backend, name, new Shape(Inputs, Outputs)).FillNormal(new Philox(seed), 0, 1);

    private Parameter<float> Gain() => new Parameter<float>(backend, "gain", new Shape(Outputs)).FillConstant(1.5);

    /// <summary>A backward pass through a layer with weight norm.</summary>
    private static void BackwardScaled(Tape<float> tape, Parameter<float> v, Parameter<float> gain, int rows)
    {
        float[] x = new float[rows * Inputs];
        new Philox(2).Normal<float>(x);
        tape.Backward(tape.Constant(x, new Shape(rows, Inputs)).WeightNormAffine(tape.Watch(v), tape.Watch(gain)).Tanh().Sum());
    }

    private static void Backward(Tape<float> tape, Parameter<float> w, ulong seed) => tape.Backward(Product(tape, w, seed).Sum());

    private static Tensor<float> Product(Tape<float> tape, Parameter<float> w, ulong seed, int rows = 4)
    {
        float[] x = new float[rows * Inputs];
        new Philox(seed).Normal<float>(x);
        return tape.Constant(x, new Shape(rows, Inputs)).Affine(tape.Watch(w)).Tanh();
    }

    private static float[][] Train(IBackend<float> backend, string optimizerName, NormalizationScheme scheme, int batch, bool fuses)
    {
        using Mlp<float> model = new(backend, Inputs, [56, 40], 10, new Philox(1), scheme, Activation.Relu);
        using Optimizer<float> optimizer = optimizerName switch
        {
            "SGD" => new Sgd<float>(model.Parameters, 0.01),
            "momentum" => new Sgd<float>(model.Parameters, 0.01, 0.9, 1e-3),
            "Adam" => new Adam<float>(model.Parameters, 0.01),
            _ => new RmsProp<float>(model.Parameters, 0.01, momentum: 0.5),
        };
        optimizer.FusesProducts = fuses;
        using Tape<float> tape = new(backend);
        float[] x = new float[batch * Inputs];
        int[] labels = [.. Enumerable.Range(0, batch).Select(i => i % 10)];
        for (int step = 0; step < 5; step++)
        {
            new Philox((ulong)step + 7).Normal<float>(x);
            tape.Backward(model.Forward(tape.Constant(x, new Shape(batch, Inputs))).SoftmaxCrossEntropy(labels));
            optimizer.Step();
            optimizer.ZeroGradients();
            tape.Reset();
        }
        float[][] weights = [.. model.Parameters.Select(parameter => parameter.ToArray())];
        Assert.All(weights, values => Assert.DoesNotContain(values, float.IsNaN));
        return weights;
    }

    /// <summary>Changes nothing, and remembers what gradient it was given.</summary>
    private sealed class Probe(IReadOnlyList<Parameter<float>> parameters) : Optimizer<float>(parameters, 1)
    {
        public int ProductRows { get; private set; } = -1;

        public int Shares { get; private set; } = -1;

        protected override void Update(IBackend<float> backend, ReadOnlySpan<UpdateCall<float>> calls, long step) =>
            (ProductRows, Shares) = (calls[0].Product.Rows, calls[0].Product.Shares.Length);
    }
}
