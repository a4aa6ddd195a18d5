using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// Row r of y = row indices[r] of a table, as an embedding looks up its vectors. A row's gradient is the sum over the places it went to, so
/// rows that were not read get 0. Saves the indices.
/// </summary>
public static class GatherExtensions
{
    extension<T>(Tensor<T> table)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        /// <summary>The rows of the table (its first axis) with these numbers, in this order; rows may repeat.</summary>
        /// <param name="indices">At least one, each from 0 to the number of rows - 1. They are copied.</param>
        /// <returns>A tensor with one row per index; all other axes are the table's.</returns>
        /// <exception cref="ArgumentException">An index is out of range, or there is none.</exception>
        public Tensor<T> Gather(ReadOnlySpan<int> indices)
        {
            Tape<T> tape = Operands.TapeOf("Gather", table);
            int rows = table.Shape[0], rowLength = table.Shape.ElementCount / rows;
            for (int r = 0; r < indices.Length; r++)
            {
                if ((uint)indices[r] >= (uint)rows)
                {
                    throw new ArgumentException(
                        $"Gather: index {indices[r]} at position {r} is not a row of the table of shape {table.Shape}: " +
                        $"rows are 0 to {rows - 1}.");
                }
            }
            Span<int> extents = stackalloc int[table.Shape.Rank];
            extents[0] = indices.Length;
            for (int axis = 1; axis < extents.Length; axis++)
            {
                extents[axis] = table.Shape[axis];
            }
            Tensor<T> y = tape.NewResult(new Shape(extents), table.NeedsGradient);
            DeviceBuffer<int> onDevice = tape.Indices(indices);
            tape.Backend.Gather(table.Value, onDevice, y.Value, rowLength);
            if (y.NeedsGradient)
            {
                tape.Record<GatherNode<T>>(y, table).Indices = onDevice;
            }
            return y;
        }
    }

    [GradCheck("4x3")]
    private static Tensor<T> GatherRepeated<T>(Tensor<T> table)
        where T : unmanaged, IFloatingPointIeee754<T> => table.Gather([2, 0, 2, 3, 2]);
}

internal sealed class GatherNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public DeviceBuffer<int> Indices { get; set; }

    public override string Op => "Gather";

    public override void Backward(IBackend<T> backend)
    {
        Tensor<T> table = Inputs[0];
        GradientSink<T> dtable = table.GradientSink();
        if (!dtable.Accumulate)
        {
            backend.Fill(dtable.Buffer, T.Zero);
        }
        backend.ScatterAdd(Output.Gradient, Indices, dtable.Buffer, table.Shape.ElementCount / table.Shape[0]);
    }
}
