using MiniGrad.Backends;
using MiniGrad.Cuda.Formulas;

namespace MiniGrad.Cuda;

// Reductions and copies.
internal sealed partial class CudaBackend<T>
{
    private const int RowStep = 8192, ColumnStep = 256;

    public void Fill(DeviceBuffer<T> y, T value)
    {
        Pool.ThrowIfDisposed();
        device.MakeCurrent();
        device.Launch(Copies("fill"), Blocks(y.Length), Threads, new FillArguments<T>(y.Address, y.Length, value));
    }

    public void Copy(in CopyCall<T> call)
    {
        device.MakeCurrent();
        int length = call.Shape.ElementCount;
        device.Launch(Copies("copy"), Blocks(length), Threads, new CopyArguments<T>(
            call.X.Address, call.Y.Address, length, call.Accumulate ? 1 : 0, call.Scale,
            new Axes(call.Shape, call.StridesX, call.StridesY)));
    }

    public void Gather(DeviceBuffer<T> table, DeviceBuffer<int> indices, DeviceBuffer<T> y, int rowLength)
    {
        device.MakeCurrent();
        device.Launch(Copies("gather"), Blocks(y.Length), Threads, new RowsArguments(
            table.Address, y.Address, indices.Address, indices.Length, rowLength));
    }

    public void ScatterAdd(DeviceBuffer<T> x, DeviceBuffer<int> indices, DeviceBuffer<T> table, int rowLength)
    {
        device.MakeCurrent();
        device.Launch(Copies("scatter_add"), Blocks(rowLength), Threads, new RowsArguments(
            x.Address, table.Address, indices.Address, indices.Length, rowLength));
    }

    public void Reduce<TReduction>(TReduction reduction, in ReduceCall<T> call)
        where TReduction : unmanaged, IReduction<T>
    {
        device.MakeCurrent();
        string entry = call.Inner == 1 ? "reduce_rows" : "reduce_columns";
        if (!kernels.TryGet(typeof(TReduction), entry, out Kernel kernel))
        {
            kernel = kernels.Load(typeof(TReduction), entry, "reduce", Formula.Reduction<T, TReduction>(reduction));
        }
        int step = call.Inner == 1 ? RowStep : ColumnStep, parts = (call.Length + step - 1) / step;
        if (parts == 1)
        {
            Launch<TReduction>(kernel, call, call.Length);
            return;
        }
        using Scratch<T> partial = Pool.RentScratch<T>(call.Outer * parts * call.Inner);
        Launch<TReduction>(kernel, call with { Y = partial.Buffer, Scale = T.One, Accumulate = false }, step);
        Reduce(reduction, call with { X = partial.Buffer, Length = parts });
    }

    private void Launch<TReduction>(in Kernel kernel, in ReduceCall<T> call, int step)
        where TReduction : unmanaged, IReduction<T>
    {
        int parts = (call.Length + step - 1) / step;
        long blocks = call.Inner == 1
            ? step <= 1024 ? ((call.Outer * (long)parts) + 7) / 8 : call.Outer * (long)parts
            : call.Outer * (long)parts * ((call.Inner + 31) / 32);
        device.Launch(kernel, Math.Min(blocks, BlocksPerMultiprocessor * (long)device.Multiprocessors), Threads, new ReduceArguments<T>(
            call.X.Address, call.Y.Address, call.Outer, call.Length, call.Inner, step, call.Accumulate ? 1 : 0, call.Scale,
            TReduction.Identity));
    }

    private Kernel Copies(string entry) => kernels.TryGet(typeof(CopyCall<T>), entry, out Kernel kernel)
        ? kernel : kernels.Load(typeof(CopyCall<T>), entry, "copies", "");
}
