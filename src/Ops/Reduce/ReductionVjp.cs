using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>The common form of the gradients of reductions.</summary>
internal static class ReductionVjp
{
    /// <summary>
    /// dx_i (+)= f(x_i, r_k, scale g_k), where element i of x went into element k of the result: <paramref name="g"/> is repeated to the
    /// shape of x, and the first half of the formula's vector-Jacobian product does the rest.
    /// </summary>
    /// <param name="backend">Where the buffers are.</param>
    /// <param name="formula">f is its <c>Vjp(x, r, g).Da</c>.</param>
    /// <param name="x">What was reduced.</param>
    /// <param name="r">One number for each element of the result.</param>
    /// <param name="g">The gradient of each element of the result.</param>
    /// <param name="kept">The shape of r and g, with reduced axes of extent 1.</param>
    /// <param name="scale">A factor of all gradients.</param>
    public static void WriteReductionVjp<T, TOp>(
        this IBackend<T> backend, TOp formula, Tensor<T> x, DeviceBuffer<T> r, DeviceBuffer<T> g, Shape kept, T scale)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IBinaryOp<T>
    {
        GradientSink<T> dx = x.GradientSink();
        using Scratch<T> repeated = backend.Pool.RentScratch<T>(x.Shape.ElementCount);
        backend.Copy(new CopyCall<T>(g, Strides.RowMajor(kept), repeated.Buffer, Strides.RowMajor(x.Shape), x.Shape, scale, false));
        backend.ZipVjp(formula, new ZipOperands<T>(x.Value, x.Shape, r, kept, x.Shape), repeated.Buffer, dx, default);
    }
}
