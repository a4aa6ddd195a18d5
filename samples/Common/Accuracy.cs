using System.Numerics;

namespace MiniGrad.Samples;

/// <summary>Compares predictions with labels.</summary>
public static class Accuracy
{
    /// <summary>
    /// How many rows have their largest score elsewhere than at their label. Of equal scores the first counts; NaN is never largest.
    /// </summary>
    /// <param name="scores">A row of scores, one for each class, for each label.</param>
    /// <param name="labels">The right class of each row.</param>
    public static int CountWrong<T>(ReadOnlySpan<T> scores, ReadOnlySpan<int> labels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int classes = scores.Length / labels.Length, wrong = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            ReadOnlySpan<T> row = scores.Slice(i * classes, classes);
            int best = 0;
            for (int c = 1; c < classes; c++)
            {
                best = row[c] > row[best] || T.IsNaN(row[best]) ? c : best;
            }
            wrong += best == labels[i] ? 0 : 1;
        }
        return wrong;
    }
}
