namespace MiniGrad.Samples.Compare;

/// <summary>Gathers a run's curve: the mean training loss over every few steps, and the epochs.</summary>
/// <param name="stepsPerEpoch">Steps of an epoch.</param>
/// <param name="epochs">Epochs of the run.</param>
internal sealed class CurveRecorder(int stepsPerEpoch, int epochs)
{
    private const int PointsPerEpoch = 64;

    private readonly int stepsPerPoint = Math.Max(1, stepsPerEpoch / PointsPerEpoch);
    private readonly List<CurvePoint> curve = new(epochs * Math.Min(stepsPerEpoch, (2 * PointsPerEpoch) + 1));
    private readonly List<EpochResult> results = new(epochs);
    private Mean point, epoch;
    private int stepsOfEpoch;

    public IReadOnlyList<CurvePoint> Curve => curve;

    public IReadOnlyList<EpochResult> Epochs => results;

    /// <summary>Whether all steps of an epoch were added and <see cref="EndEpoch"/> is next.</summary>
    public bool IsEpochComplete => stepsOfEpoch == stepsPerEpoch;

    /// <summary>Adds a step; true if it completes a point of the curve.</summary>
    public bool Add(long step, double loss, int cases, double seconds)
    {
        point.Add(loss, cases);
        epoch.Add(loss, cases);
        stepsOfEpoch++;
        if (stepsOfEpoch % stepsPerPoint != 0 && stepsOfEpoch != stepsPerEpoch)
        {
            return false;
        }
        curve.Add(new CurvePoint(step, seconds, point.Value, null));
        point = default;
        return true;
    }

    /// <summary>Ends an epoch with its test; it goes to the epoch's last point.</summary>
    public EpochResult EndEpoch(double testLoss, double testError)
    {
        CurvePoint last = curve[^1];
        EpochResult result = new(results.Count + 1, last.Step, epoch.Value, testLoss, testError, last.Seconds);
        results.Add(result);
        curve[^1] = last with { Test = result };
        epoch = default;
        stepsOfEpoch = 0;
        return result;
    }

    private struct Mean
    {
        private double sum;
        private long count;

        public readonly double Value => sum / count;

        public void Add(double mean, int items)
        {
            sum += mean * items;
            count += items;
        }
    }
}
