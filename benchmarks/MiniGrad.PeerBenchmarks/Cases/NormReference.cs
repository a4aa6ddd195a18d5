namespace MiniGrad.PeerBenchmarks;

/// <summary>Normalization by the textbook, in double, to check all contestants with.</summary>
/// <remarks>
/// The numbers that share statistics are a row (layer, RMS) or a column (batch): xHat = (x - mean) rstd and y = gain xHat + bias. With
/// u = gain dy, dx = rstd (u - avg(u) - xHat avg(u xHat)); RMS norm has no mean, and so no avg(u). The sums over rows are
/// dgain = sum dy xHat and dbias = sum dy.
/// </remarks>
internal sealed class NormReference
{
    private const double Epsilon = 1e-5;

    /// <param name="kind">Which statistics.</param>
    /// <param name="x">Rows of as many numbers as <paramref name="gain"/> has.</param>
    /// <param name="gain">For each column.</param>
    /// <param name="bias">For each column.</param>
    /// <param name="dy">The cotangent of y; empty to leave out the gradients.</param>
    public NormReference(NormKind kind, float[] x, float[] gain, float[] bias, float[] dy)
    {
        int columns = gain.Length, rows = x.Length / columns;
        bool isBatch = kind == NormKind.Batch, hasMean = kind != NormKind.Rms;
        int sets = isBatch ? columns : rows, members = isBatch ? rows : columns;
        double[] mean = new double[sets], rstd = new double[sets];
        if (hasMean)
        {
            Average(mean, i => x[i]);
        }
        Average(rstd, i => (x[i] - mean[Set(i)]) * (x[i] - mean[Set(i)]));
        rstd = [.. rstd.Select(variance => 1 / Math.Sqrt(variance + Epsilon))];
        double XHat(int i) => (x[i] - mean[Set(i)]) * rstd[Set(i)];
        Y = [.. Enumerable.Range(0, dy.Length == 0 ? x.Length : 0).Select(i => (gain[i % columns] * XHat(i)) + bias[i % columns])];

        Dx = new double[dy.Length];
        DGain = new double[columns];
        DBias = new double[columns];
        if (dy.Length == 0)
        {
            return;
        }
        double[] u = new double[sets], uXHat = new double[sets];
        if (hasMean)
        {
            Average(u, i => gain[i % columns] * dy[i]);
        }
        Average(uXHat, i => gain[i % columns] * dy[i] * XHat(i));
        for (int i = 0; i < x.Length; i++)
        {
            Dx[i] = rstd[Set(i)] * ((gain[i % columns] * (double)dy[i]) - u[Set(i)] - (XHat(i) * uXHat[Set(i)]));
            DGain[i % columns] += dy[i] * XHat(i);
            DBias[i % columns] += dy[i];
        }

        int Set(int i) => isBatch ? i % columns : i / columns;

        void Average(double[] averages, Func<int, double> value)
        {
            for (int i = 0; i < x.Length; i++)
            {
                averages[Set(i)] += value(i) / members;
            }
        }
    }

    /// <summary>The result; empty if gradients were asked for.</summary>
    public double[] Y { get; }

    public double[] Dx { get; }

    public double[] DGain { get; }

    public double[] DBias { get; }
}
