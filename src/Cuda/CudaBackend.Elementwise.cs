using System.Runtime.CompilerServices;
using MiniGrad.Backends;
using MiniGrad.Cuda.Formulas;

namespace MiniGrad.Cuda;

// Kernels made of a formula: the text of the first call's formula serves all later ones, with other constants.
internal sealed partial class CudaBackend<T>
{
    private static int PackSize => 16 / Unsafe.SizeOf<T>();

    public void Map<TOp>(TOp op, DeviceBuffer<T> x, DeviceBuffer<T> y)
        where TOp : unmanaged, IUnaryOp<T>
    {
        device.MakeCurrent();
        FormulaReading<T> formula = Formula.ReadForward<T, TOp>(op);
        if (!kernels.TryGet(typeof(TOp), "map", out Kernel kernel, formula.Hash))
        {
            kernel = kernels.Load(typeof(TOp), "map", "map", Formula.Unary<T, TOp>(op), formula.Hash);
        }
        int packs = IsAligned(x.Address | y.Address) ? y.Length / PackSize : 0;
        Launch(kernel, y.Length, packs, new MapArguments<T>(x.Address, 0, y.Address, y.Length, packs, 0, formula.Constants));
    }

    public void MapVjp<TOp>(TOp op, DeviceBuffer<T> saved, DeviceBuffer<T> dy, GradientSink<T> dx)
        where TOp : unmanaged, IUnaryOp<T>
    {
        if (!dx.IsWanted)
        {
            return;
        }
        device.MakeCurrent();
        FormulaReading<T> formula = Formula.ReadVjp<T, TOp>(op);
        if (!kernels.TryGet(typeof(TOp), "map_vjp", out Kernel kernel, formula.Hash))
        {
            kernel = kernels.Load(typeof(TOp), "map_vjp", "map", Formula.Unary<T, TOp>(op), formula.Hash);
        }
        int length = dx.Buffer.Length;
        int packs = IsAligned(saved.Address | dy.Address | dx.Buffer.Address) ? length / PackSize : 0;
        Launch(kernel, length, packs, new MapArguments<T>(
            saved.Address, dy.Address, dx.Buffer.Address, length, packs, dx.Accumulate ? 1 : 0, formula.Constants));
    }

    public void Zip<TOp>(TOp op, in ZipOperands<T> operands, DeviceBuffer<T> y)
        where TOp : unmanaged, IBinaryOp<T>
    {
        device.MakeCurrent();
        FormulaReading<T> formula = Formula.ReadZip<T, TOp>(op);
        if (!kernels.TryGet(typeof(TOp), "zip", out Kernel kernel, formula.Hash))
        {
            kernel = kernels.Load(typeof(TOp), "zip", "zip", Formula.Binary<T, TOp>(op), formula.Hash);
        }
        Axes axes = new(operands.Shape, Strides.RowMajor(operands.ShapeA), Strides.RowMajor(operands.ShapeB));
        bool aligned = IsAligned(y.Address | (axes.StepsA ? operands.A.Address : 0) | (axes.StepsB ? operands.B.Address : 0));
        int packs = aligned && axes.TakesPacks(PackSize) ? y.Length / PackSize : 0;
        Launch(kernel, y.Length, packs, new ZipArguments<T>(
            operands.A.Address, operands.B.Address, y.Address, y.Length, packs, axes, formula.Constants));
    }

    public void ZipVjp<TOp>(TOp op, in ZipOperands<T> operands, DeviceBuffer<T> dy, GradientSink<T> da, GradientSink<T> db)
        where TOp : unmanaged, IBinaryOp<T>
    {
        device.MakeCurrent();
        FormulaReading<T> formula = Formula.ReadZipVjp<T, TOp>(op);
        if (!kernels.TryGet(typeof(TOp), "zip_vjp", out Kernel kernel, formula.Hash))
        {
            kernel = kernels.Load(typeof(TOp), "zip_vjp", "zip", Formula.Binary<T, TOp>(op), formula.Hash);
        }
        Axes axes = new(operands.Shape, Strides.RowMajor(operands.ShapeA), Strides.RowMajor(operands.ShapeB));
        bool aligned = IsAligned(
            dy.Address | da.Buffer.Address | db.Buffer.Address
            | (axes.StepsA ? operands.A.Address : 0) | (axes.StepsB ? operands.B.Address : 0));
        int length = dy.Length, packs = aligned && axes.TakesPacks(PackSize) ? length / PackSize : 0;
        Launch(kernel, length, packs, new ZipVjpArguments<T>(
            operands.A.Address, operands.B.Address, dy.Address, da.IsWanted ? da.Buffer.Address : 0, db.IsWanted ? db.Buffer.Address : 0,
            length, packs, da.Accumulate ? 1 : 0, db.Accumulate ? 1 : 0, axes, formula.Constants));
    }

    public void Update<TRule>(TRule rule, ReadOnlySpan<UpdateCall<T>> calls)
        where TRule : unmanaged, IUpdateRule<T>
    {
        device.MakeCurrent();
        FormulaReading<T> formula = Formula.ReadRule<T, TRule>(rule);
        if (!kernels.TryGet(typeof(TRule), "update_parameters", out Kernel kernel, formula.Hash))
        {
            kernel = kernels.Load(typeof(TRule), "update_parameters", "update", Formula.Rule<T, TRule>(rule), formula.Hash);
        }
        for (; calls.Length > 0; calls = calls[Math.Min(calls.Length, UpdateEntries.Capacity)..])
        {
            int count = Math.Min(calls.Length, UpdateEntries.Capacity);
            UpdateEntries entries = default;
            int blocks = 0;
            for (int i = 0; i < count; i++)
            {
                UpdateCall<T> call = calls[i];
                nint value = call.Value.Address, gradient = call.Gradient.Address;
                nint state0 = call.State0.Address, state1 = call.State1.Address;
                int length = call.Value.Length, packs = IsAligned(value | gradient | state0 | state1) ? length / PackSize : 0;
                entries[i] = new UpdateEntry(value, gradient, state0, state1, length, packs, blocks);
                blocks += (int)Blocks(Math.Max(packs, length - (packs * PackSize)));
            }
            device.Launch(kernel, blocks, Threads, new UpdateArguments<T>(entries, count, formula.Constants));
        }
    }

    // Packs first, then what is left one by one.
    private void Launch<TArguments>(in Kernel kernel, int length, int packs, in TArguments arguments)
        where TArguments : unmanaged => device.Launch(kernel, Blocks(Math.Max(packs, length - (packs * PackSize))), Threads, arguments);

    private static bool IsAligned(nint addresses) => addresses % 16 == 0;
}
