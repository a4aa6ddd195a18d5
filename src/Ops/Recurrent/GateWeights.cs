using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>First values of matrices that hold several gates side by side.</summary>
internal static class GateWeights
{
    /// <summary>Fills every block of <paramref name="hidden"/> columns as a matrix by itself.</summary>
    public static void Fill<T>(Parameter<T> weight, int hidden, Action<Parameter<T>> fill)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int rows = weight.Shape[0], columns = weight.Shape[1];
        T[] values = new T[rows * columns];
        using Parameter<T> block = new(weight.Backend, "block", new Shape(rows, hidden));
        for (int start = 0; start < columns; start += hidden)
        {
            fill(block);
            T[] drawn = block.ToArray();
            for (int row = 0; row < rows; row++)
            {
                drawn.AsSpan(row * hidden, hidden).CopyTo(values.AsSpan((row * columns) + start));
            }
        }
        weight.Set(values);
    }

    /// <summary>Weight norm's lengths g, such that the weights are as they were: the lengths of the columns.</summary>
    public static Parameter<T> Lengths<T>(IBackend<T> backend, string name, Parameter<T> weight)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int columns = weight.Shape[1];
        T[] values = weight.ToArray(), lengths = new T[columns];
        for (int i = 0; i < values.Length; i++)
        {
            lengths[i % columns] += values[i] * values[i];
        }
        Parameter<T> parameter = new(backend, name, new Shape(columns));
        parameter.Set([.. lengths.Select(T.Sqrt)]);
        return parameter;
    }

    /// <summary>Sets one gate of a bias of all gates.</summary>
    public static void FillGate<T>(Parameter<T> bias, int gate, int hidden, double value)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T[] values = bias.ToArray();
        values.AsSpan(gate * hidden, hidden).Fill(T.CreateTruncating(value));
        bias.Set(values);
    }
}
