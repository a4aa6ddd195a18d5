using System.Numerics;
using System.Reflection;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests.Cpu;

/// <summary>
/// Every elementwise formula in the product, found by reflection, at every length around the vector width: partial vectors must give the
/// very bits that whole vectors give, in memory that ends where the data end.
/// </summary>
public class FormulaLengthTests
{
    private static readonly Type[] Structs =
    [
        .. typeof(AddExtensions).Assembly.GetTypes()
            .Where(type => type.IsValueType && type.IsGenericTypeDefinition && type.GetGenericArguments().Length == 1),
    ];

    public static MatrixTheoryData<string, SimdWidth> Unary => new(NamesOf(typeof(IUnaryOp<>)), SimdSupport.Supported);

    public static MatrixTheoryData<string, SimdWidth> Binary => new(NamesOf(typeof(IBinaryOp<>)), SimdSupport.Supported);

    [Theory]
    [MemberData(nameof(Unary))]
    public void A_unary_formula_takes_any_length(string formula, SimdWidth width)
    {
        Call(nameof(CheckUnary), formula, typeof(float), width);
        Call(nameof(CheckUnary), formula, typeof(double), width);
    }

    [Theory]
    [MemberData(nameof(Binary))]
    public void A_binary_formula_takes_any_length_and_broadcasts(string formula, SimdWidth width)
    {
        Call(nameof(CheckBinary), formula, typeof(float), width);
        Call(nameof(CheckBinary), formula, typeof(double), width);
    }

    private static IEnumerable<string> NamesOf(Type contract) => Structs
        .Where(type => type.GetInterfaces().Any(found => found.IsGenericType && found.GetGenericTypeDefinition() == contract))
        .Select(type => type.Name);

    private static void Call(string check, string formula, Type element, SimdWidth width)
    {
        Type closed = Structs.Single(type => type.Name == formula).MakeGenericType(element);
        object op = Activator.CreateInstance(closed)!;
        int constants = 0;
        foreach (FieldInfo field in closed.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public))
        {
            field.SetValue(op, Convert.ChangeType(0.75 * ++constants, field.FieldType));
        }
        typeof(FormulaLengthTests).GetMethod(check, BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(element, closed)
            .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [op, width], null);
    }

    private static void CheckUnary<T, TOp>(TOp op, SimdWidth width)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IUnaryOp<T>
    {
        int lanes = Lanes<T>(width);
        using IBackend<T> backend = Guarded<T>(width);
        T[] x = Numbers<T>(4 * lanes, 1), dy = Numbers<T>(4 * lanes, 2), earlier = Numbers<T>(4 * lanes, 3);
        (T[] y, T[] dx, T[] sum) = Run(4 * lanes);
        for (int n = 1; n <= (2 * lanes) + 1; n++)
        {
            (T[] yn, T[] dxn, T[] sumn) = Run(n);
            AssertPrefix(y, yn);
            AssertPrefix(dx, dxn);
            AssertPrefix(sum, sumn);
        }

        (T[] Y, T[] Dx, T[] Sum) Run(int n)
        {
            DeviceBuffer<T> bx = Upload(backend, x[..n]), bdy = Upload(backend, dy[..n]), by = Upload(backend, earlier[..n]);
            DeviceBuffer<T> bdx = Upload(backend, earlier[..n]), bsum = Upload(backend, earlier[..n]);
            backend.Map(op, bx, by);
            DeviceBuffer<T> saved = TOp.Saves == Saves.Output ? by : bx;
            backend.MapVjp(op, saved, bdy, new GradientSink<T>(bdx, false));
            backend.MapVjp(op, saved, bdy, new GradientSink<T>(bsum, true));
            return (Download(backend, by), Download(backend, bdx), Download(backend, bsum));
        }
    }

    /// <summary>Operands of shape (rows, n), (n,), (rows, 1) and (), against the same numbers written out at full size.</summary>
    private static void CheckBinary<T, TOp>(TOp op, SimdWidth width)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TOp : unmanaged, IBinaryOp<T>
    {
        int lanes = Lanes<T>(width);
        using IBackend<T> backend = Guarded<T>(width);
        for (int n = 1; n <= (2 * lanes) + 1; n++)
        {
            Shape full = new(3, n), row = new(n), column = new(3, 1);
            Check(full, full);
            Check(full, row);
            Check(column, full);
            Check(Shape.Scalar, row);
            Check(row, Shape.Scalar);
            Check(column, row);
        }

        void Check(Shape shapeA, Shape shapeB)
        {
            Shape shape = Shape.Broadcast(shapeA, shapeB, "test");
            int n = shape.ElementCount, padded = (n + lanes - 1) / lanes * lanes;
            T[] a = Numbers<T>(shapeA.ElementCount, 1), b = Numbers<T>(shapeB.ElementCount, 2);
            T[] dy = Numbers<T>(padded, 3), earlier = Numbers<T>(padded, 4);
            T[][] got = Run(a, shapeA, b, shapeB, shape, dy[..n], earlier[..n]);
            Shape whole = new(padded);
            T[][] expected = Run(Expand(a, shapeA, shape, padded), whole, Expand(b, shapeB, shape, padded), whole, whole, dy, earlier);
            foreach ((T[] e, T[] g) in expected.Zip(got))
            {
                AssertPrefix(e, g);
            }
        }

        T[][] Run(T[] a, Shape shapeA, T[] b, Shape shapeB, Shape shape, T[] dy, T[] earlier)
        {
            DeviceBuffer<T> ba = Upload(backend, a), bb = Upload(backend, b), by = Upload(backend, earlier), bdy = Upload(backend, dy);
            DeviceBuffer<T> da = Upload(backend, earlier), db = Upload(backend, earlier), onlyDb = Upload(backend, earlier);
            backend.Zip(op, new ZipOperands<T>(ba, shapeA, bb, shapeB, shape), by);
            backend.ZipVjp(op, new ZipOperands<T>(ba, shapeA, bb, shapeB, shape), bdy, new(da, false), new(db, true));
            backend.ZipVjp(op, new ZipOperands<T>(ba, shapeA, bb, shapeB, shape), bdy, default, new(onlyDb, false));
            return [Download(backend, by), Download(backend, da), Download(backend, db), Download(backend, onlyDb)];
        }
    }

    /// <summary>The elements of a broadcast array, one by one, and padding.</summary>
    private static T[] Expand<T>(T[] values, Shape from, Shape to, int padded)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int columns = to.Aligned[^1];
        T[] all = Numbers<T>(padded, 9);
        for (int i = 0; i < to.ElementCount; i++)
        {
            (int row, int column) = Math.DivRem(i, columns);
            int r = from.Aligned[^2] == 1 ? 0 : row, c = from.Aligned[^1] == 1 ? 0 : column;
            all[i] = values[(r * from.Aligned[^1]) + c];
        }
        return all;
    }

    private static int Lanes<T>(SimdWidth width) => width == SimdWidth.Scalar ? 1 : (int)width / 8 / Unsafe.SizeOf<T>();

    private static IBackend<T> Guarded<T>(SimdWidth width)
        where T : unmanaged, IFloatingPointIeee754<T> => GuardedAllocator.IsSupported
            ? CpuBackend.CreateWithPool<T>(1, width, new BufferPool(new GuardedAllocator(GuardSide.After), exactSizes: true))
            : CpuBackend.Create<T>(1, width);

    private static T[] Numbers<T>(int count, int seed)
        where T : unmanaged, IFloatingPointIeee754<T> => [.. TestArrays.Random(count, seed, -3, 3).Select(T.CreateChecked)];

    private static DeviceBuffer<T> Upload<T>(IBackend<T> backend, T[] host)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        DeviceBuffer<T> buffer = backend.Pool.Rent((long)host.Length * Unsafe.SizeOf<T>()).View<T>(host.Length);
        backend.Upload<T>(host, buffer);
        return buffer;
    }

    private static T[] Download<T>(IBackend<T> backend, DeviceBuffer<T> buffer)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T[] host = new T[buffer.Length];
        backend.Download<T>(buffer, host);
        return host;
    }

    // Equals takes NaN for equal to itself, unlike ==; the sign tells 0 from -0.
    private static void AssertPrefix<T>(T[] whole, T[] prefix)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < prefix.Length; i++)
        {
            bool same = whole[i].Equals(prefix[i]) && (T.IsNaN(whole[i]) || T.IsNegative(whole[i]) == T.IsNegative(prefix[i]));
            if (!same)
            {
                Assert.Fail($"Element {i} of {prefix.Length} is {prefix[i]} in a partial vector and {whole[i]} in a whole one.");
            }
        }
    }
}
