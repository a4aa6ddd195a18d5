using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>The fused kernels of a kind of cell, for one step behind, or before, its product.</summary>
internal interface ISequenceKernels<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The name of the op.</summary>
    static abstract string Op { get; }

    /// <summary>Whether the product is added to X, or computed apart from it.</summary>
    bool AddsToX { get; }

    /// <summary>From the product of step <paramref name="step"/>, the states behind it.</summary>
    void Forward(IBackend<T> backend, in SequenceBuffers<T> s, int step);

    /// <summary>
    /// From the gradients of the states behind step <paramref name="step"/>, those of its product and of the states before it.
    /// </summary>
    void Backward(IBackend<T> backend, in SequenceBuffers<T> s, in SequenceGradients<T> d, int step);
}

/// <summary>What the node of a final cell state needs of the node of the sequence.</summary>
internal abstract class SequenceNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The gradient of the last cell state in this backward pass; empty if there is none.</summary>
    public DeviceBuffer<T> FinalCellGradient { get; set; }
}

/// <summary>
/// A cell over a whole sequence as one op. Per step forward: one product with W_h, packed once, and one kernel. Backward in reverse: one
/// kernel, and one product with W_h^T; the gradient of W_h is a single product over all steps:
/// <code>
/// dW_h = [h_0; h_1; ... h_(T-1)]^T [dp_1; dp_2; ... dp_T]
/// </code>
/// Saves what <see cref="SequenceBuffers{T}"/> lists: time and memory are linear in T.
/// </summary>
internal sealed class SequenceNode<T, TKernels> : SequenceNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TKernels : struct, ISequenceKernels<T>
{
    private TKernels kernels;
    private SequenceOperands<T> operands;
    private SequenceBuffers<T> s;

    public override string Op => TKernels.Op;

    /// <summary>Runs the cell; the states are left in the buffers.</summary>
    /// <returns>(T, N, H), the hidden states behind every step, and, for a cell that has one, the last cell state.</returns>
    public static (Tensor<T> Outputs, Tensor<T>? Cell) Apply(TKernels kernels, in SequenceOperands<T> operands, in SequenceBuffers<T> s)
    {
        Tape<T> tape = operands.X.Tape;
        Start(tape.Backend, operands, s);
        RunForward(tape.Backend, kernels, s);
        int block = s.Cases * s.Hidden;
        Tensor<T> outputs = tape.NewView(
            s.States.Slice(block, s.Steps * block), new Shape(s.Steps, s.Cases, s.Hidden), operands.NeedsGradient());
        SequenceNode<T, TKernels>? node = null;
        if (outputs.NeedsGradient)
        {
            SequenceOperands<T>.List inputs = operands.Collect(out int count);
            node = tape.Record<SequenceNode<T, TKernels>>(outputs, inputs[..count]);
            (node.kernels, node.operands, node.s, node.FinalCellGradient) = (kernels, operands, s, default);
        }
        return (outputs, s.Cells.Length == 0 ? null : FinalCellNode<T>.Apply(s.Step(s.Cells, s.Steps, s.Hidden), outputs, node, s.Cases));
    }

    public override void Backward(IBackend<T> backend)
    {
        BufferPool pool = backend.Pool;
        int block = s.Cases * s.Hidden, all = s.Steps * s.Cases * s.Features;
        GradientSink<T> dx = operands.X.GradientSink();
        bool isDirect = dx.IsWanted && !dx.Accumulate;
        using Scratch<T> own = pool.RentScratch<T>(isDirect ? 0 : all);
        using Scratch<T> product = pool.RentScratch<T>(kernels.AddsToX ? 0 : all);
        using Scratch<T> passed = pool.RentScratch<T>(4 * block);
        using RowPartials<T> sums = new(pool, s);
        DeviceBuffer<T> x = isDirect ? dx.Buffer : own.Buffer;
        SequenceGradients<T> d = sums.AddTo(new SequenceGradients<T>
        {
            Outputs = Output.Gradient,
            FromProduct = passed.Buffer.Slice(0, block),
            Direct = passed.Buffer.Slice(block, block),
            Cell = passed.Buffer.Slice(2 * block, block),
            CellGradients = passed.Buffer.Slice(3 * block, block),
            X = x,
            Product = kernels.AddsToX ? x : product.Buffer,
        });
        backend.Fill(passed.Buffer, T.Zero);
        backend.Fill(sums.Buffer, T.Zero);
        if (FinalCellGradient.Length > 0)
        {
            Copy(backend, FinalCellGradient, new GradientSink<T>(d.Cell, false));
            FinalCellGradient = default;
        }
        RunBackward(backend, d);
        if (dx.IsWanted && dx.Accumulate)
        {
            Copy(backend, x, dx);
        }
        WriteWeightGradient(backend, d);
        WriteStateGradients(backend, d);
        sums.Finish(backend, operands, s);
    }

    private static void Start(IBackend<T> backend, in SequenceOperands<T> operands, in SequenceBuffers<T> s)
    {
        Set(backend, operands.Hidden, s.Step(s.States, 0, s.Hidden));
        if (s.EnteringFactors.Length > 0)
        {
            Shape shape = new(s.Cases, s.Hidden);
            DeviceBuffer<T> first = s.Step(s.States, 0, s.Hidden), masked = s.Step(s.Entering, 0, s.Hidden);
            backend.Zip(default(MultiplyOp<T>), new ZipOperands<T>(first, shape, s.EnteringFactors, shape, shape), masked);
        }
        if (s.Cells.Length > 0)
        {
            Set(backend, operands.Cell, s.Step(s.Cells, 0, s.Hidden));
        }
    }

    private static void RunForward(IBackend<T> backend, TKernels kernels, in SequenceBuffers<T> s)
    {
        using Scratch<T> packed = backend.PackB(s.Weight, s.Hidden, s.Features, transposed: false);
        for (int t = 0; t < s.Steps; t++)
        {
            DeviceBuffer<T> product = s.Step(s.Product, t, s.Features);
            if (t > 0 || !s.StartsAtZero)
            {
                backend.Gemm(new GemmCall<T>(s.Cases, s.Features, s.Hidden)
                {
                    A = s.Step(s.Entering, t, s.Hidden),
                    B = s.Weight,
                    PackedB = packed.Buffer,
                    C = product,
                    Accumulate = kernels.AddsToX,
                });
            }
            else if (!kernels.AddsToX)
            {
                backend.Fill(product, T.Zero);
            }
            kernels.Forward(backend, s, t);
        }
    }

    private void RunBackward(IBackend<T> backend, in SequenceGradients<T> d)
    {
        bool isStartWanted = operands.Hidden is { NeedsGradient: true };
        using Scratch<T> packed = backend.PackB(s.Weight, s.Features, s.Hidden, transposed: true);
        for (int t = s.Steps - 1; t >= 0; t--)
        {
            kernels.Backward(backend, s, d, t);
            if (t > 0 || isStartWanted)
            {
                backend.Gemm(new GemmCall<T>(s.Cases, s.Hidden, s.Features)
                {
                    A = s.Step(d.Product, t, s.Features),
                    B = s.Weight,
                    PackedB = packed.Buffer,
                    TransposeB = true,
                    C = d.FromProduct,
                });
            }
        }
    }

    private void WriteWeightGradient(IBackend<T> backend, in SequenceGradients<T> d)
    {
        GradientSink<T> sink = operands.Weight.GradientSink();
        int skipped = s.StartsAtZero ? s.Cases : 0, rows = (s.Steps * s.Cases) - skipped;
        if (sink.IsWanted && rows > 0)
        {
            backend.Gemm(new GemmCall<T>(s.Hidden, s.Features, rows)
            {
                A = s.Entering.Slice(skipped * s.Hidden, rows * s.Hidden),
                TransposeA = true,
                B = d.Product.Slice(skipped * s.Features, rows * s.Features),
                C = sink.Buffer,
                Accumulate = sink.Accumulate,
            });
        }
        else if (sink.IsWanted && !sink.Accumulate)
        {
            backend.Fill(sink.Buffer, T.Zero);
        }
    }

    private void WriteStateGradients(IBackend<T> backend, in SequenceGradients<T> d)
    {
        GradientSink<T> hidden = operands.Hidden is { } h ? h.GradientSink() : default;
        if (hidden.IsWanted)
        {
            if (s.EnteringFactors.Length > 0)
            {
                Shape shape = new(s.Cases, s.Hidden);
                backend.Zip(
                    default(MultiplyOp<T>), new ZipOperands<T>(d.FromProduct, shape, s.EnteringFactors, shape, shape), d.FromProduct);
            }
            Copy(backend, d.FromProduct, hidden);
            Copy(backend, d.Direct, hidden with { Accumulate = true });
        }
        GradientSink<T> cell = operands.Cell is { } c ? c.GradientSink() : default;
        if (cell.IsWanted)
        {
            Copy(backend, d.Cell, cell);
        }
    }

    private static void Set(IBackend<T> backend, Tensor<T>? from, DeviceBuffer<T> to)
    {
        if (from is { } given)
        {
            Copy(backend, given.Value, new GradientSink<T>(to, false));
        }
        else
        {
            backend.Fill(to, T.Zero);
        }
    }

    private static void Copy(IBackend<T> backend, DeviceBuffer<T> from, GradientSink<T> to)
    {
        Shape shape = new(from.Length);
        Strides strides = Strides.RowMajor(shape);
        backend.Copy(new CopyCall<T>(from, strides, to.Buffer, strides, shape, T.One, to.Accumulate));
    }
}
