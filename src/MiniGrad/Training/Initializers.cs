using System.Numerics;

namespace MiniGrad.Training;

/// <summary>
/// First values of parameters. A weight matrix is [in, out], y = x W: its fan-in is its rows, the summands of one output, and its fan-out
/// its columns.
/// </summary>
/// <remarks>
/// A sum of n products of independent numbers has n times the variance of one. Xavier and He choose the variance of the weights so that
/// activations, and gradients on their way back, neither grow nor vanish from layer to layer.
/// </remarks>
public static class Initializers
{
    /// <summary>Every element is <paramref name="value"/>.</summary>
    public static Parameter<T> FillConstant<T>(this Parameter<T> parameter, double value)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        parameter.Backend.Fill(parameter.Value, T.CreateChecked(value));
        return parameter;
    }

    /// <summary>Uniform in [low, high).</summary>
    public static Parameter<T> FillUniform<T>(this Parameter<T> parameter, Philox random, double low, double high)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T[] values = new T[parameter.Shape.ElementCount];
        random.Uniform<T>(values, low, high);
        parameter.Set(values);
        return parameter;
    }

    /// <summary>Normal.</summary>
    public static Parameter<T> FillNormal<T>(this Parameter<T> parameter, Philox random, double mean, double standardDeviation)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T[] values = new T[parameter.Shape.ElementCount];
        random.Normal<T>(values, mean, standardDeviation);
        parameter.Set(values);
        return parameter;
    }

    /// <summary>Uniform of variance 2 gain^2 / (in + out), for tanh and sigmoid (Glorot and Bengio 2010).</summary>
    /// <exception cref="ArgumentException">The parameter is no matrix.</exception>
    public static Parameter<T> FillXavierUniform<T>(this Parameter<T> parameter, Philox random, double gain = 1)
        where T : unmanaged, IFloatingPointIeee754<T> => parameter.FillUniformOfDeviation(random, XavierDeviation(parameter, gain));

    /// <summary>Normal of variance 2 gain^2 / (in + out), for tanh and sigmoid (Glorot and Bengio 2010).</summary>
    /// <exception cref="ArgumentException">The parameter is no matrix.</exception>
    public static Parameter<T> FillXavierNormal<T>(this Parameter<T> parameter, Philox random, double gain = 1)
        where T : unmanaged, IFloatingPointIeee754<T> => parameter.FillNormal(random, 0, XavierDeviation(parameter, gain));

    /// <summary>Uniform of variance 2 / in: the 2 makes up for the half of its input that a ReLU drops (He et al. 2015).</summary>
    /// <exception cref="ArgumentException">The parameter is no matrix.</exception>
    public static Parameter<T> FillHeUniform<T>(this Parameter<T> parameter, Philox random)
        where T : unmanaged, IFloatingPointIeee754<T> => parameter.FillUniformOfDeviation(random, HeDeviation(parameter));

    /// <summary>Normal of variance 2 / in: the 2 makes up for the half of its input that a ReLU drops (He et al. 2015).</summary>
    /// <exception cref="ArgumentException">The parameter is no matrix.</exception>
    public static Parameter<T> FillHeNormal<T>(this Parameter<T> parameter, Philox random)
        where T : unmanaged, IFloatingPointIeee754<T> => parameter.FillNormal(random, 0, HeDeviation(parameter));

    /// <summary>
    /// A random matrix W, every one equally likely, of which the shorter side is orthonormal times gain: W^T W = gain^2 I when it has at
    /// least as many rows as columns, else W W^T = gain^2 I. It keeps lengths, however often applied (Saxe et al. 2014).
    /// </summary>
    /// <exception cref="ArgumentException">The parameter is no matrix.</exception>
    public static Parameter<T> FillOrthogonal<T>(this Parameter<T> parameter, Philox random, double gain = 1)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (int rows, int columns) = Fans(parameter);
        int count = Math.Min(rows, columns), length = Math.Max(rows, columns);
        double[] vectors = new double[count * length];
        random.Normal<double>(vectors);
        Orthonormalize(vectors, length);
        T[] values = new T[vectors.Length];
        for (int i = 0; i < values.Length; i++)
        {
            (int row, int column) = Math.DivRem(i, columns);
            values[i] = T.CreateChecked(gain * (rows >= columns ? vectors[(column * length) + row] : vectors[i]));
        }
        parameter.Set(values);
        return parameter;
    }

    /// <summary>
    /// Modified Gram-Schmidt: from each vector its components along those before it are taken away, then its length is made 1.
    /// </summary>
    /// <remarks>
    /// This is the factor Q of a QR factorization whose R has a positive diagonal, the one choice of signs that favours no direction.
    /// </remarks>
    private static void Orthonormalize(Span<double> vectors, int length)
    {
        for (int start = 0; start < vectors.Length; start += length)
        {
            Span<double> vector = vectors.Slice(start, length);
            double before, after = Math.Sqrt(Dot(vector, vector));
            do
            {
                before = after;
                for (int earlier = 0; earlier < start; earlier += length)
                {
                    ReadOnlySpan<double> unit = vectors.Slice(earlier, length);
                    AddScaled(vector, -Dot(vector, unit), unit);
                }
                after = Math.Sqrt(Dot(vector, vector));
            }
            while (after < before / 2); // Much was cancelled, which magnified the rounding errors: take away what they left.
            foreach (ref double value in vector)
            {
                value /= after;
            }
        }
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        // Four sums at once: an addition need not wait for the one before.
        double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        int i = 0;
        for (; i <= a.Length - 4; i += 4)
        {
            sum0 += a[i] * b[i];
            sum1 += a[i + 1] * b[i + 1];
            sum2 += a[i + 2] * b[i + 2];
            sum3 += a[i + 3] * b[i + 3];
        }
        for (; i < a.Length; i++)
        {
            sum0 += a[i] * b[i];
        }
        return sum0 + sum1 + (sum2 + sum3);
    }

    private static void AddScaled(Span<double> y, double scale, ReadOnlySpan<double> x)
    {
        for (int i = 0; i < y.Length; i++)
        {
            y[i] += scale * x[i];
        }
    }

    /// <summary>A uniform distribution on [-a, a) has variance a^2 / 3.</summary>
    private static Parameter<T> FillUniformOfDeviation<T>(this Parameter<T> parameter, Philox random, double deviation)
        where T : unmanaged, IFloatingPointIeee754<T> => parameter.FillUniform(random, -Math.Sqrt(3) * deviation, Math.Sqrt(3) * deviation);

    private static double XavierDeviation<T>(Parameter<T> parameter, double gain)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (int fanIn, int fanOut) = Fans(parameter);
        return gain * Math.Sqrt(2.0 / (fanIn + fanOut));
    }

    private static double HeDeviation<T>(Parameter<T> parameter)
        where T : unmanaged, IFloatingPointIeee754<T> => Math.Sqrt(2.0 / Fans(parameter).In);

    private static (int In, int Out) Fans<T>(Parameter<T> parameter)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Shape shape = parameter.Shape;
        return shape.Rank == 2 ? (shape[0], shape[1]) : throw new ArgumentException(
            $"The parameter {parameter} is no matrix [in, out], so it has no fans: use FillUniform, FillNormal or FillConstant.");
    }
}
