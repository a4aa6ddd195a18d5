using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using TorchSharp;

namespace MiniGrad.PeerBenchmarks;

/// <summary>
/// What an op costs beside its arithmetic: chains of 1000 tiny ops v = f(v, c), recorded, walked back and forgotten. Times are of one op.
/// </summary>
internal static class OverheadCases
{
    public static IEnumerable<PeerCase> All() =>
    [
        new OverheadCase<AddOp>("add4", 4),
        new OverheadCase<MultiplyOp>("mul4", 4),
        new OverheadCase<TanhOp>("tanh4", 4),
        new OverheadCase<ProductOp>("mm4x4", 4, 4),
        new OverheadCase<AddOp>("add1000", 1000),
    ];

    private readonly struct AddOp : IChainOp
    {
        public Tensor<T> Apply<T>(Tensor<T> v, Tensor<T> c)
            where T : unmanaged, IFloatingPointIeee754<T> => v + c;

        public torch.Tensor Apply(torch.Tensor v, torch.Tensor c) => v + c;
    }

    private readonly struct MultiplyOp : IChainOp
    {
        public Tensor<T> Apply<T>(Tensor<T> v, Tensor<T> c)
            where T : unmanaged, IFloatingPointIeee754<T> => v * c;

        public torch.Tensor Apply(torch.Tensor v, torch.Tensor c) => v * c;
    }

    private readonly struct TanhOp : IChainOp
    {
        public Tensor<T> Apply<T>(Tensor<T> v, Tensor<T> c)
            where T : unmanaged, IFloatingPointIeee754<T> => v.Tanh();

        public torch.Tensor Apply(torch.Tensor v, torch.Tensor c) => v.tanh();
    }

    private readonly struct ProductOp : IChainOp
    {
        public Tensor<T> Apply<T>(Tensor<T> v, Tensor<T> c)
            where T : unmanaged, IFloatingPointIeee754<T> => v.MatMul(c);

        public torch.Tensor Apply(torch.Tensor v, torch.Tensor c) => torch.mm(v, c);
    }
}

/// <summary>One link of a chain.</summary>
internal interface IChainOp
{
    Tensor<T> Apply<T>(Tensor<T> v, Tensor<T> c)
        where T : unmanaged, IFloatingPointIeee754<T>;

    torch.Tensor Apply(torch.Tensor v, torch.Tensor c);
}

internal sealed class OverheadCase<TOp>(string name, params int[] extents) : PeerCase($"overhead/{name}")
    where TOp : struct, IChainOp
{
    private const int Length = 1000;

    // A thousand roundings of 6e-8, at worst.
    private const double Tolerance = 1e-4;

    private readonly int count = extents.Aggregate(1, (product, extent) => product * extent);

    public override Contestant MiniGrad(string name, IBackend<float> backend)
    {
        Chain<float> chain = new(backend, Start(), Factor(), new Shape(extents));
        return new LocalContestant(name, chain.Step) { Scale = Length, Check = () => Check(chain.Run()), Release = chain.Dispose };
    }

    public override Contestant Torch()
    {
        long[] shape = [.. extents.Select(extent => (long)extent)];
        torch.Tensor x = torch.tensor(Start(), shape).requires_grad_(), c = torch.tensor(Factor(), shape).requires_grad_();
        void Step()
        {
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor v = x;
            for (int i = 0; i < Length; i++)
            {
                v = default(TOp).Apply(v, c);
            }
            v.sum().backward();
        }
        return new LocalContestant("torch", Step)
        {
            Scale = Length,
            Check = () => Check(x.grad!.data<float>().ToArray()),
            Release = () => Array.ForEach([x, c], tensor => tensor.Dispose()),
        };
    }

    public override IEnumerable<Fact> Facts(IBackend<float> backend, IReadOnlyList<Row> rows)
    {
        yield return new Fact(Fact.NanosecondsPerOp, rows[0].MinigradUs * 1e3);
        const int Steps = 201;
        using Chain<float> chain = new(backend, Start(), Factor(), new Shape(extents));
        long[] allocated = new long[Steps];
        for (int step = 0; step < Steps; step++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            chain.Step();
            allocated[step] = GC.GetAllocatedBytesForCurrentThread() - before;
        }
        // The median: the first steps fill the pools, and the runtime allocates a little when it compiles a method again.
        Array.Sort(allocated);
        yield return new Fact(Fact.Allocated, allocated[Steps / 2]);
    }

    private float[] Start() => Inputs.Uniform(1, count);

    /// <summary>Near 1, or near the unit matrix, so that a thousand of them neither vanish nor overflow.</summary>
    private float[] Factor()
    {
        float[] factor = Inputs.Uniform(2, count, -1e-3, 1e-3);
        for (int i = 0; i < count; i++)
        {
            factor[i] += extents.Length == 1 || i % (extents[1] + 1) == 0 ? 1 : 0;
        }
        return factor;
    }

    /// <summary>The gradient of x after one step, compared with that of a chain in double.</summary>
    private void Check(float[] gradient)
    {
        using IBackend<double> backend = CpuBackend.Create<double>(1);
        double[] start = [.. Start().Select(v => (double)v)], factor = [.. Factor().Select(v => (double)v)];
        using Chain<double> chain = new(backend, start, factor, new Shape(extents));
        WrongResultException.Require("dx", gradient, chain.Run(), Tolerance);
    }

    /// <summary>The chain on a tape, x and c being parameters of one shape.</summary>
    private sealed class Chain<T> : IDisposable
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Tape<T> tape;
        private readonly Parameter<T> x, c;

        public Chain(IBackend<T> backend, T[] start, T[] factor, Shape shape)
        {
            tape = new Tape<T>(backend);
            x = new Parameter<T>(backend, "x", shape);
            c = new Parameter<T>(backend, "c", shape);
            x.Set(start);
            c.Set(factor);
        }

        /// <summary>One step, and the gradient of x.</summary>
        public T[] Run()
        {
            Step();
            return x.GradientToArray();
        }

        public void Step()
        {
            x.ZeroGradient();
            c.ZeroGradient();
            Tensor<T> v = tape.Watch(x), factor = tape.Watch(c);
            for (int i = 0; i < Length; i++)
            {
                v = default(TOp).Apply(v, factor);
            }
            tape.Backward(v.Sum());
            tape.Reset();
        }

        public void Dispose()
        {
            tape.Dispose();
            x.Dispose();
            c.Dispose();
        }
    }
}
