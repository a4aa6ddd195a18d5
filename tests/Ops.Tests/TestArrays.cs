namespace MiniGrad.Ops.Tests;

/// <summary>Input data for tests: the same for the same seed.</summary>
internal static class TestArrays
{
    /// <summary>Random numbers between <paramref name="low"/> and <paramref name="high"/>.</summary>
    public static double[] Random(int count, int seed = 1, double low = -1, double high = 1)
    {
        Random random = new(seed);
        double[] values = new double[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = low + ((high - low) * random.NextDouble());
        }
        return values;
    }

    /// <summary>0, 1, 2, ...: each element tells its position.</summary>
    public static double[] Range(int count) => [.. Enumerable.Range(0, count).Select(i => (double)i)];
}
