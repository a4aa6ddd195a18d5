using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// What softmax, its logarithm and its cross-entropy share: exponentials of a row less its largest element. Subtracting a constant from a
/// row leaves its softmax as it is; subtracting the largest keeps every exponential in [0, 1] and their sum at 1 or more, for inputs of any
/// size.
/// </summary>
internal static class RowExp<T, V>
    where T : unmanaged, IFloatingPointIeee754<T>
    where V : struct, ISimd<V, T>
{
    /// <summary>The largest element of a row, in every lane.</summary>
    public static V Largest(DeviceBuffer<T> row)
    {
        V lowest = V.Splat(T.NegativeInfinity), largest = lowest;
        for (int i = 0; i < row.Length; i += V.Width)
        {
            largest = V.Max(largest, V.Load(row, i, row.Length - i, lowest));
        }
        return V.MaxAcross(largest);
    }

    /// <summary>The sum of e^(x - largest), in every lane. Lanes past the end hold minus infinity and add 0.</summary>
    public static V Sum(DeviceBuffer<T> row, V largest)
    {
        V lowest = V.Splat(T.NegativeInfinity), sum = V.Splat(T.Zero);
        for (int i = 0; i < row.Length; i += V.Width)
        {
            sum += V.Exp(V.Load(row, i, row.Length - i, lowest) - largest);
        }
        return V.Sum(sum);
    }

    /// <summary>The same sum; the exponentials are stored.</summary>
    public static V StoreAndSum(DeviceBuffer<T> row, V largest, DeviceBuffer<T> to)
    {
        V lowest = V.Splat(T.NegativeInfinity), sum = V.Splat(T.Zero);
        for (int i = 0; i < row.Length; i += V.Width)
        {
            V power = V.Exp(V.Load(row, i, row.Length - i, lowest) - largest);
            V.Store(power, to, i, row.Length - i);
            sum += power;
        }
        return V.Sum(sum);
    }
}

/// <summary>The same for kernels on devices.</summary>
internal static class RowExp
{
    public const string DeviceSource = """
        DEVICE real largest_of(const Team& team, const real* row, int columns)
        {
            real largest = -Infinity();
            for (int i = team.rank; i < columns; i += team.size)
                largest = Max(largest, row[i]);
            return team.max(largest);
        }

        DEVICE real sum_of_exp(const Team& team, const real* row, int columns, real largest)
        {
            real sum = 0;
            for (int i = team.rank; i < columns; i += team.size)
                sum += Exp(row[i] - largest);
            return team.sum(sum);
        }

        """;
}
