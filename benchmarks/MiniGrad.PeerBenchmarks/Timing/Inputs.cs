namespace MiniGrad.PeerBenchmarks;

/// <summary>Numbers for the cases, the same in every process.</summary>
internal static class Inputs
{
    /// <summary>Uniform in [low, high).</summary>
    public static float[] Uniform(int seed, int count, double low = -1, double high = 1)
    {
        Random random = new(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)(low + ((high - low) * random.NextDouble()));
        }
        return values;
    }

    /// <summary>Class numbers below <paramref name="classes"/>.</summary>
    public static int[] Labels(int seed, int count, int classes)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(classes))];
    }
}
