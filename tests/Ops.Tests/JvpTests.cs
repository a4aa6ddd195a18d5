using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

public class JvpTests
{
    /// <summary>w (J v) = (w J) v for random w and v: forward and reverse mode see the same Jacobian.</summary>
    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void Forward_and_reverse_mode_agree_exactly(string name)
    {
        OpCase op = OpCases.Get(name);
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>(1);
        HostTensor<double>[] inputs = [.. op.Inputs<double>().Select((x, i) => new HostTensor<double>($"input {i}", op.Shapes[i], x))];
        double[][] tangents = [.. op.Inputs<double>().Select((x, i) => HostTensor<double>.Random("v", op.Shapes[i], 7 + i).Values)];
        JvpResult<double> jvp = Jvp.Of(backend, op.Invoke, inputs, tangents);
        double[] cotangent = HostTensor<double>.Random("w", jvp.Shape, 5).Values;

        using IBackend<double> plain = CpuBackend.Create<double>(1);
        using Tape<double> tape = new(plain);
        Tensor<double>[] x = [.. inputs.Select(input => tape.Variable(input.Values, input.Shape))];
        Tensor<double> y = op.Invoke(x);
        tape.Backward(y, cotangent);

        Assert.Equal(y.Shape, jvp.Shape);
        Assert.Equal(y.ToArray(), jvp.Value, (a, b) => Math.Abs(a - b) <= 1e-14 * Math.Max(1, Math.Abs(a)));
        double forward = Dot(cotangent, jvp.Tangent, out double sizeForward), reverse = 0, sizeReverse = 0;
        for (int i = 0; i < x.Length; i++)
        {
            reverse += Dot(x[i].GradientToArray(), tangents[i], out double size);
            sizeReverse += size;
        }
        Assert.Equal(reverse, forward, 1e-13 * Math.Max(sizeForward, sizeReverse));
    }

    [Fact]
    public void A_matrix_product_with_bias_batch_and_accumulation_follows_the_product_rule()
    {
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>(1);
        const int batch = 2, m = 3, n = 4, k = 5;
        double[] a = Numbers(batch * m * k, 1), b = Numbers(batch * n * k, 2), c = Numbers(batch * m * n, 3), bias = Numbers(n, 4);
        double[] da = Numbers(batch * m * k, 5), db = Numbers(batch * n * k, 6), dc = Numbers(batch * m * n, 7), dbias = Numbers(n, 8);
        using Scratch<double> at = backend.Pool.RentScratch<double>(a.Length), bt = backend.Pool.RentScratch<double>(b.Length);
        using Scratch<double> ct = backend.Pool.RentScratch<double>(c.Length), biasAt = backend.Pool.RentScratch<double>(n);
        Put(backend, at.Buffer, a, da);
        Put(backend, bt.Buffer, b, db);
        Put(backend, ct.Buffer, c, dc);
        Put(backend, biasAt.Buffer, bias, dbias);
        backend.Gemm(new GemmCall<double>(m, n, k)
        {
            A = at.Buffer,
            B = bt.Buffer,
            C = ct.Buffer,
            Bias = biasAt.Buffer,
            TransposeB = true,
            Alpha = 0.5,
            Accumulate = true,
            Batch = batch,
            StrideA = m * k,
            StrideB = n * k,
            StrideC = m * n,
        });
        double[] tangent = new double[c.Length];
        backend.DownloadTangent(ct.Buffer, tangent);
        for (int p = 0; p < batch; p++)
        {
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    int at0 = (p * m * n) + (i * n) + j;
                    double expected = dc[at0] + dbias[j];
                    for (int q = 0; q < k; q++)
                    {
                        int ia = (p * m * k) + (i * k) + q, ib = (p * n * k) + (j * k) + q;
                        expected += 0.5 * ((da[ia] * b[ib]) + (a[ia] * db[ib]));
                    }
                    Assert.Equal(expected, tangent[at0], 1e-13);
                }
            }
        }
    }

    [Fact]
    public void Upload_makes_tangents_zero()
    {
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>(1);
        using Scratch<double> x = backend.Pool.RentScratch<double>(5);
        Put(backend, x.Buffer, [1, 2, 3, 4, 5], [1, 1, 1, 1, 1]);
        backend.Upload<double>([1, 2, 3, 4, 5], x.Buffer);
        double[] tangent = [9, 9, 9, 9, 9];
        backend.DownloadTangent(x.Buffer, tangent);
        Assert.Equal(new double[5], tangent);
    }

    [Fact]
    public void A_wrong_tangent_is_refused_with_both_sizes()
    {
        using IDualBackend<double> backend = CpuBackend.CreateDual<double>(1);
        HostTensor<double> x = HostTensor<double>.Random("x", new Shape(2, 3), 1);
        ArgumentException few = Assert.Throws<ArgumentException>(() => Jvp.Of(backend, t => t[0].Tanh(), [x], [[1, 2]]));
        Assert.Contains("'x'", few.Message, StringComparison.Ordinal);
        Assert.Contains("(2, 3)", few.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Jvp.Of(backend, t => t[0].Tanh(), [x], []));
    }

    private static void Put(IDualBackend<double> backend, DeviceBuffer<double> buffer, double[] value, double[] tangent)
    {
        backend.Upload<double>(value, buffer);
        backend.UploadTangent(tangent, buffer);
    }

    private static double[] Numbers(int count, int seed) => HostTensor<double>.Random("x", new Shape(count), seed).Values;

    private static double Dot(double[] a, double[] b, out double size)
    {
        double sum = 0;
        size = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
            size += Math.Abs(a[i] * b[i]);
        }
        return sum;
    }
}
