using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

/// <summary>A number as a vector of width 1 that counts the subnormal results of arithmetic, on the thread that computes them.</summary>
internal readonly struct Watched(Scalar<float> value) : ISimd<Watched, float>
{
    [ThreadStatic]
    private static int subnormals;

    private readonly Scalar<float> value = value;

    /// <summary>How many results were subnormal.</summary>
    public static int Subnormals
    {
        get => subnormals;
        set => subnormals = value;
    }

    public static int Width => 1;

    public static Watched Splat(float value) => new(new Scalar<float>(value));

    public static Watched operator +(Watched a, Watched b) => Watch(a.value + b.value);

    public static Watched operator -(Watched a, Watched b) => Watch(a.value - b.value);

    public static Watched operator *(Watched a, Watched b) => Watch(a.value * b.value);

    public static Watched operator /(Watched a, Watched b) => Watch(a.value / b.value);

    public static Watched operator -(Watched a) => Watch(-a.value);

    public static Watched MultiplyAdd(Watched a, Watched b, Watched c) => Watch(Scalar<float>.MultiplyAdd(a.value, b.value, c.value));

    public static Watched SelectGreater(Watched a, Watched b, Watched ifGreater, Watched otherwise) =>
        new(Scalar<float>.SelectGreater(a.value, b.value, ifGreater.value, otherwise.value));

    public static Watched Max(Watched a, Watched b) => new(Scalar<float>.Max(a.value, b.value));

    public static Watched Min(Watched a, Watched b) => new(Scalar<float>.Min(a.value, b.value));

    public static Watched Abs(Watched x) => new(Scalar<float>.Abs(x.value));

    public static Watched Sqrt(Watched x) => Watch(Scalar<float>.Sqrt(x.value));

    public static Watched Exp(Watched x) => Watch(Scalar<float>.Exp(x.value));

    public static Watched ExpM1(Watched x) => Watch(Scalar<float>.ExpM1(x.value));

    public static Watched Log(Watched x) => Watch(Scalar<float>.Log(x.value));

    public static Watched Log1P(Watched x) => Watch(Scalar<float>.Log1P(x.value));

    public static Watched Tanh(Watched x) => Watch(Scalar<float>.Tanh(x.value));

    public static Watched Erf(Watched x) => Watch(Scalar<float>.Erf(x.value));

    public static Watched Load(DeviceBuffer<float> buffer, nint index) => new(Scalar<float>.Load(buffer, index));

    public static Watched Load(DeviceBuffer<float> buffer, nint index, int count, Watched fill) =>
        new(Scalar<float>.Load(buffer, index, count, fill.value));

    public static Watched LoadSplat(DeviceBuffer<float> buffer, nint index) => Load(buffer, index);

    public static void Store(Watched value, DeviceBuffer<float> buffer, nint index) => Scalar<float>.Store(value.value, buffer, index);

    public static void Store(Watched value, DeviceBuffer<float> buffer, nint index, int count) =>
        Scalar<float>.Store(value.value, buffer, index, count);

    public static void StoreScalar(Watched value, DeviceBuffer<float> buffer, nint index) => Store(value, buffer, index);

    public static Watched Sum(Watched value) => value;

    public static Watched MaxAcross(Watched value) => value;

    private static unsafe Watched Watch(Scalar<float> result)
    {
        float number;
        Scalar<float>.Store(result, new DeviceBuffer<float>((nint)(&number), 1), 0);
        if (float.IsSubnormal(number))
        {
            subnormals++;
        }
        return new Watched(result);
    }
}
