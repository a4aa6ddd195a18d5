using MiniGrad.Backends;
using MiniGrad.GoldenGenerator;
using MiniGrad.Ops;
using static TorchSharp.torch;

namespace MiniGrad.PeerBenchmarks;

/// <summary>Which numbers of a matrix are normalized together, and how.</summary>
internal enum NormKind
{
    /// <summary>Each row, with gain and bias.</summary>
    Layer,

    /// <summary>Each column, in training: with gain and bias, updating running statistics.</summary>
    Batch,

    /// <summary>Each row by its root mean square, with gain. libtorch's is called by TorchScript, which takes some microseconds.</summary>
    Rms,
}

/// <summary>Normalizations of rows x columns: forward without recording (fw), and backward alone (bw: dx, dgain and dbias).</summary>
/// <remarks>
/// MiniGrad's forward step takes its inputs to the tape, runs the op and resets the tape. Its backward step is the node's, called again
/// and again on one recorded forward pass: the walk over the tape is left out, as is the upload of the cotangent that
/// <c>tape.Backward</c> does, since in a network it comes from the op above. libtorch's is autograd.grad on a kept graph.
/// </remarks>
internal static class NormCases
{
    private static readonly (int Rows, int Columns)[] Shapes =
        [(4, 1000), (64, 400), (128, 1000), (64, 2048), (4096, 256), (4096, 1024), (32768, 768)];

    public static IEnumerable<PeerCase> All() =>
        from kind in Enum.GetValues<NormKind>()
        from isBackward in new[] { false, true }
        from shape in Shapes
        select new NormCase(kind, isBackward, shape.Rows, shape.Columns);
}

internal sealed class NormCase(NormKind kind, bool isBackward, int rows, int columns)
    : PeerCase($"{Prefix(kind)}norm/{(isBackward ? "bw" : "fw")}/{rows}x{columns}")
{
    /// <summary>MiniGrad's layer norm, as a peer of its RMS norm.</summary>
    public const string LayerNormPeer = "minigrad-layernorm";

    private const double Epsilon = 1e-5;
    private const double Momentum = 0.1;

    // Sums over 32768 rows are off by up to 7e-6 of the largest, in either library; a wrong term is hundreds of times larger.
    private const double Tolerance = 2e-5;

    private readonly Lazy<float[]> x = new(() => Inputs.Uniform(1, rows * columns)), dy = new(() => Inputs.Uniform(2, rows * columns));
    private readonly Lazy<float[]> gain = new(() => Inputs.Uniform(3, columns, 0.5, 1.5)), bias = new(() => Inputs.Uniform(4, columns));

    private NormReference? reference;

    // RMS norm has no bias.
    private NormReference Reference => reference ??= new(
        kind, x.Value, gain.Value, kind == NormKind.Rms ? new float[columns] : bias.Value, isBackward ? dy.Value : []);

    public override Contestant MiniGrad(string name, IBackend<float> backend) => MiniGrad(name, backend, kind, isChecked: true);

    public override Contestant Torch()
    {
        Tensor input = tensor(x.Value, [rows, columns]).requires_grad_(), g = tensor(gain.Value).requires_grad_();
        Tensor b = tensor(bias.Value).requires_grad_(), cotangent = tensor(dy.Value, [rows, columns]);
        Tensor mean = zeros(columns), variance = ones(columns);
        Tensor Forward() => kind switch
        {
            NormKind.Layer => nn.functional.layer_norm(input, [columns], g, b, Epsilon),
            NormKind.Batch => nn.functional.batch_norm(input, mean, variance, g, b, training: true, Momentum, Epsilon),
            _ => Libtorch.RmsNorm(input, g, Epsilon),
        };
        Tensor y = Forward();
        IList<Tensor> outputs = [y], inputs = kind == NormKind.Rms ? [input, g] : [input, g, b], cotangents = [cotangent];
        IList<Tensor> Backward() => autograd.grad(outputs, inputs, cotangents, retain_graph: true);
        void Free(IEnumerable<Tensor> tensors)
        {
            foreach (Tensor tensor in tensors)
            {
                tensor.Dispose();
            }
        }
        Action step = isBackward ? () => Free(Backward()) : () =>
        {
            using IDisposable noGraph = no_grad();
            Forward().Dispose();
        };
        return new LocalContestant("torch", step)
        {
            Check = () =>
            {
                IList<Tensor> results = isBackward ? Backward() : outputs;
                Check([.. results.Select(result => result.data<float>().ToArray())]);
            },
            Release = () => Free([input, g, b, cotangent, mean, variance, y]),
        };
    }

    public override IEnumerable<Contestant> Others(IBackend<float> backend) =>
        kind == NormKind.Rms ? [MiniGrad(LayerNormPeer, backend, NormKind.Layer, isChecked: false)] : [];

    /// <summary>Forward must read x and write y, backward read x and dy and write dx.</summary>
    public override Contestant Limit(IBackend<float> backend, int threads) =>
        Limits.Bytes(backend, rows * columns, isBackward ? 3 : 2, threads);

    private static string Prefix(NormKind kind) => kind switch { NormKind.Layer => "layer", NormKind.Batch => "batch", _ => "rms" };

    private LocalContestant MiniGrad(string name, IBackend<float> backend, NormKind kind, bool isChecked)
    {
        Tape<float> tape = new(backend);
        Parameter<float> input = New("x", x.Value, rows, columns);
        Parameter<float> g = New("gain", gain.Value, columns), b = New("bias", bias.Value, columns);
        Parameter<float> mean = new(backend, "mean", new Shape(columns)), variance = new(backend, "variance", new Shape(columns));
        Tensor<float> Forward() => kind switch
        {
            NormKind.Layer => tape.Watch(input).LayerNorm(tape.Watch(g), tape.Watch(b), Epsilon),
            NormKind.Batch => tape.Watch(input).BatchNorm(
                tape.Watch(g), tape.Watch(b), Epsilon, running: new RunningStatistics<float>(mean.Value, variance.Value, Momentum)),
            _ => tape.Watch(input).RmsNorm(tape.Watch(g), Epsilon),
        };
        Action step;
        Func<float[][]> result;
        if (isBackward)
        {
            tape.Backward(Forward(), dy.Value);
            TapeNode<float> node = tape.Nodes[^1];
            step = () =>
            {
                input.ZeroGradient();
                g.ZeroGradient();
                b.ZeroGradient();
                node.Backward(backend);
            };
            result = () => [input.GradientToArray(), g.GradientToArray(), b.GradientToArray()];
        }
        else
        {
            step = () =>
            {
                using (tape.Pause())
                {
                    Forward();
                }
                tape.Reset();
            };
            result = () => [Forward().ToArray()];
        }
        return new LocalContestant(name, step)
        {
            Check = isChecked ? () => Check(result()) : null,
            Release = () => Array.ForEach<IDisposable>([tape, input, g, b, mean, variance], item => item.Dispose()),
        };

        Parameter<float> New(string parameter, float[] values, params ReadOnlySpan<int> extents)
        {
            Parameter<float> made = new(backend, parameter, new Shape(extents));
            made.Set(values);
            return made;
        }
    }

    /// <summary>Takes y; or dx, dgain and, unless it is RMS norm, dbias.</summary>
    private void Check(float[][] results)
    {
        NormReference want = Reference;
        (string, double[])[] wanted = isBackward ? [("dx", want.Dx), ("dgain", want.DGain), ("dbias", want.DBias)] : [("y", want.Y)];
        for (int i = 0; i < results.Length && (kind != NormKind.Rms || i < 2); i++)
        {
            WrongResultException.Require(wanted[i].Item1, results[i], wanted[i].Item2, Tolerance);
        }
    }
}
