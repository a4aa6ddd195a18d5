using System.Numerics;

namespace MiniGrad.Tests;

/// <summary>A function with a right and a wrong backward pass, as people write them, and what a checker must name.</summary>
/// <param name="Name">The mistake.</param>
/// <param name="Inputs">Names and shapes of the inputs.</param>
/// <param name="Wrong">The inputs whose gradient is wrong; all others are right.</param>
public sealed record PlantedBug(string Name, (string Name, Shape Shape)[] Inputs, string[] Wrong)
{
    public HostTensor<T>[] Values<T>()
        where T : unmanaged, IFloatingPointIeee754<T> =>
        [.. Inputs.Select((input, i) => HostTensor<T>.Random(input.Name, input.Shape, seed: 10 + i))];

    public override string ToString() => Name;
}

public static class PlantedBugs
{
    public static readonly PlantedBug[] All =
    [
        new("missing mean term in layer norm", [("x", new(4, 6)), ("gain", new(6)), ("bias", new(6))], ["x"]),
        new("biased and unbiased variance mixed", [("x", new(4, 6)), ("gain", new(6)), ("bias", new(6))], ["x"]),
        new("forgotten transpose", [("a", new(4, 4)), ("b", new(4, 4))], ["a"]),
        new("missing broadcast sum", [("x", new(3, 4)), ("bias", new(4))], ["bias"]),
        new("detached branch", [("x", new(3, 4)), ("scale", new(3, 4))], ["scale"]),
        new("off-by-one row", [("table", new(5, 3)), ("weight", new(2, 3))], ["table"]),
        new("swapped gates", [("gates", new(2, 12)), ("c0", new(2, 3))], ["gates"]),
    ];

    public static TheoryData<string> Names => [.. All.Select(bug => bug.Name)];

    public static Tensor<T> Run<T>(string name, Tensor<T>[] x, bool wrong)
        where T : unmanaged, IFloatingPointIeee754<T> => name switch
        {
            "missing mean term in layer norm" => LayerNorm(x, forgetMean: wrong, divisor: x[0].Shape[1]),
            "biased and unbiased variance mixed" => LayerNorm(x, forgetMean: false, divisor: wrong ? x[0].Shape[1] - 1 : x[0].Shape[1]),
            "forgotten transpose" => Product(x, wrong),
            "missing broadcast sum" => AddRow(x, wrong),
            "detached branch" => wrong ? Multiply(x[0], x[1].Tape.Constant(x[1].ToArray(), x[1].Shape), x[1]) : Multiply(x[0], x[1], x[1]),
            "off-by-one row" => Rows(x, wrong),
            "swapped gates" => Cell(x[0], x[1], wrong),
            _ => throw new ArgumentOutOfRangeException(nameof(name)),
        };

    /// <summary>
    /// dx = rstd (u - avg(u) - xHat avg(u xHat)), or without the second term, or with the third divided by another count.
    /// </summary>
    private static Tensor<T> LayerNorm<T>(Tensor<T>[] x, bool forgetMean, int divisor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int rows = x[0].Shape[0], columns = x[0].Shape[1];
        return HostOp.Apply(
            x[0].Shape,
            v => Each(rows * columns, i => (v[1][i % columns] * XHat(v[0], i / columns, columns).XHat[i % columns]) + v[2][i % columns]),
            (v, dy) =>
            {
                double[][] d = [new double[rows * columns], new double[columns], new double[columns]];
                for (int row = 0; row < rows; row++)
                {
                    (double[] xHat, double rstd) = XHat(v[0], row, columns);
                    double[] u = Each(columns, j => v[1][j] * dy[(row * columns) + j]);
                    double mean = forgetMean ? 0 : u.Average(), projection = u.Zip(xHat, (a, b) => a * b).Sum() / divisor;
                    for (int j = 0; j < columns; j++)
                    {
                        d[0][(row * columns) + j] = rstd * (u[j] - mean - (xHat[j] * projection));
                        d[1][j] += dy[(row * columns) + j] * xHat[j];
                        d[2][j] += dy[(row * columns) + j];
                    }
                }
                return d;
            },
            x);
    }

    private static (double[] XHat, double Rstd) XHat(double[] x, int row, int columns)
    {
        double[] values = x.AsSpan(row * columns, columns).ToArray();
        double mean = values.Average(), rstd = 1 / Math.Sqrt(values.Average(value => (value - mean) * (value - mean)) + 1e-5);
        return (Array.ConvertAll(values, value => (value - mean) * rstd), rstd);
    }

    /// <summary>C = A B, square: dA = dC B^T, or dC B.</summary>
    private static Tensor<T> Product<T>(Tensor<T>[] x, bool forgetTranspose)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int n = x[0].Shape[0];
        return HostOp.Apply(
            x[0].Shape,
            v => Each(n * n, i => Enumerable.Range(0, n).Sum(k => v[0][((i / n) * n) + k] * v[1][(k * n) + (i % n)])),
            (v, dc) =>
            [
                Each(n * n, i => Enumerable.Range(0, n).Sum(
                    k => dc[((i / n) * n) + k] * (forgetTranspose ? v[1][(k * n) + (i % n)] : v[1][((i % n) * n) + k]))),
                Each(n * n, i => Enumerable.Range(0, n).Sum(k => v[0][(k * n) + (i / n)] * dc[(k * n) + (i % n)])),
            ],
            x);
    }

    /// <summary>y = x + bias for every row: the bias gets the sum over rows, or the first row only.</summary>
    private static Tensor<T> AddRow<T>(Tensor<T>[] x, bool forgetSum)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int rows = x[0].Shape[0], columns = x[0].Shape[1];
        return HostOp.Apply(
            x[0].Shape,
            v => Each(rows * columns, i => v[0][i] + v[1][i % columns]),
            (_, dy) => [dy, Each(columns, j => Enumerable.Range(0, forgetSum ? 1 : rows).Sum(row => dy[(row * columns) + j]))],
            x);
    }

    /// <summary>y = x a b, so that a tensor used twice gets both gradients, or, if one branch is a constant, half of them.</summary>
    private static Tensor<T> Multiply<T>(Tensor<T> x, Tensor<T> a, Tensor<T> b)
        where T : unmanaged, IFloatingPointIeee754<T> => HostOp.Apply(
            x.Shape,
            v => Each(v[0].Length, i => v[0][i] * v[1][i] * v[2][i]),
            (v, dy) =>
            [
                Each(dy.Length, i => v[1][i] * v[2][i] * dy[i]),
                Each(dy.Length, i => v[0][i] * v[2][i] * dy[i]),
                Each(dy.Length, i => v[0][i] * v[1][i] * dy[i]),
            ],
            x, a, b);

    /// <summary>y = weight times rows 1 and 2 of the table, whose gradient goes to these rows, or to those after them.</summary>
    private static Tensor<T> Rows<T>(Tensor<T>[] x, bool offByOne)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int columns = x[0].Shape[1], start = offByOne ? 2 : 1;
        return HostOp.Apply(
            x[1].Shape,
            v => Each(2 * columns, i => v[1][i] * v[0][columns + i]),
            (v, dy) =>
            [
                Each(
                    v[0].Length,
                    i => i / columns == start || i / columns == start + 1 ? v[1][i - (start * columns)] * dy[i - (start * columns)] : 0),
                Each(2 * columns, i => v[0][columns + i] * dy[i]),
            ],
            x);
    }

    /// <summary>
    /// The LSTM's h = o tanh(c), c = f c0 + i g, from pre-activations of the gates f, i, o, g side by side; the gradients of f and i may be
    /// exchanged.
    /// </summary>
    internal static Tensor<T> Cell<T>(Tensor<T> gates, Tensor<T> c0, bool swap)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int rows = c0.Shape[0], n = c0.Shape[1];
        return HostOp.Apply(
            c0.Shape,
            v => Each(rows * n, k =>
            {
                (double f, double i, double o, double g) = Gates(v[0], k, n);
                return o * Math.Tanh((f * v[1][k]) + (i * g));
            }),
            (v, dh) =>
            {
                double[][] d = [new double[rows * 4 * n], new double[rows * n]];
                for (int k = 0; k < rows * n; k++)
                {
                    (double f, double i, double o, double g) = Gates(v[0], k, n);
                    double tanh = Math.Tanh((f * v[1][k]) + (i * g)), dc = dh[k] * o * (1 - (tanh * tanh));
                    int at = (k / n * 4 * n) + (k % n);
                    d[0][at + (swap ? n : 0)] = dc * v[1][k] * f * (1 - f);
                    d[0][at + (swap ? 0 : n)] = dc * g * i * (1 - i);
                    d[0][at + (2 * n)] = dh[k] * tanh * o * (1 - o);
                    d[0][at + (3 * n)] = dc * i * (1 - (g * g));
                    d[1][k] = dc * f;
                }
                return d;
            },
            gates, c0);
    }

    private static (double F, double I, double O, double G) Gates(double[] gates, int k, int n)
    {
        int at = (k / n * 4 * n) + (k % n);
        return (Sigmoid(gates[at]), Sigmoid(gates[at + n]), Sigmoid(gates[at + (2 * n)]), Math.Tanh(gates[at + (3 * n)]));
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double[] Each(int count, Func<int, double> value) => [.. Enumerable.Range(0, count).Select(value)];
}
