using System.Text;
using MiniGrad.Ops.Tests.Golden;
using TorchSharp;
using static TorchSharp.torch;

namespace MiniGrad.GoldenGenerator;

/// <summary>An input of a case: its name, and the interval that its elements are drawn from or the elements themselves.</summary>
/// <param name="Name">What it is in the op's formula.</param>
/// <param name="Shape">Its extents.</param>
/// <param name="Low">The lower end of the interval.</param>
/// <param name="High">The upper end.</param>
/// <param name="Concentration">Above 1, distances from the middle are raised to this power: a wide interval keeps small elements.</param>
/// <param name="Values">The elements, instead of an interval.</param>
internal sealed record Input(string Name, int[] Shape, double Low = -2, double High = 2, int Concentration = 1, double[]? Values = null)
{
    /// <summary>An input with these elements.</summary>
    public static Input Of(string name, int[] shape, params double[] values) => new(name, shape, Values: values);

    /// <summary>The elements, of four digits to keep files short. The name of the case seeds them: a new case changes no other.</summary>
    public double[] Draw(string seed)
    {
        if (Values is not null)
        {
            return Values;
        }
        Random random = new(Hash($"{seed}/{Name}"));
        return [.. Enumerable.Range(0, Shape.Aggregate(1, (a, b) => a * b)).Select(_ => FourDigits(Draw(random)))];
    }

    private double Draw(Random random)
    {
        double fromMiddle = (2 * random.NextDouble()) - 1;
        return (Low + High + ((High - Low) * Math.CopySign(Math.Pow(Math.Abs(fromMiddle), Concentration), fromMiddle))) / 2;
    }

    private static double FourDigits(double value) => double.Parse(value.ToString("G4"));

    /// <summary>FNV-1a: the same number in every process, unlike <see cref="string.GetHashCode()"/>.</summary>
    private static int Hash(string text)
    {
        uint hash = 2166136261;
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            hash = (hash ^ b) * 16777619;
        }
        return (int)(hash & int.MaxValue);
    }
}

/// <summary>Runs computations in libtorch, in float64 and in float32, and keeps what went in and came out.</summary>
internal sealed class Recorder
{
    /// <summary>The types that every case is recorded in.</summary>
    public static readonly ScalarType[] Types = [ScalarType.Float64, ScalarType.Float32];

    private readonly List<GoldenCase> cases = [];

    /// <summary>What was recorded, float64 before float32.</summary>
    public IEnumerable<GoldenCase> Cases => cases.OrderByDescending(c => c.Type, StringComparer.Ordinal);

    /// <summary>Records <paramref name="forward"/>, and its gradients under a random cotangent, in both types.</summary>
    /// <param name="name">Unique in the file; also the seed.</param>
    /// <param name="op">What the tests run.</param>
    /// <param name="inputs">All are differentiated.</param>
    /// <param name="forward">The computation; the first output is differentiated.</param>
    /// <param name="arguments">Recorded as given.</param>
    /// <param name="labels">Recorded as given.</param>
    public void Record(
        string name, string op, Input[] inputs, Func<Tensor[], Tensor> forward,
        (string Name, double[] Value)[]? arguments = null, int[]? labels = null) =>
        Record(name, op, inputs, [], x => [("y", forward(x))], arguments ?? [], labels ?? []);

    /// <summary>Records <paramref name="forward"/>, which has state: inputs passed behind the others and not differentiated.</summary>
    public void Record(
        string name, string op, Input[] inputs, Input[] state, Func<Tensor[], (string Name, Tensor Value)[]> forward,
        (string Name, double[] Value)[] arguments, int[] labels)
    {
        foreach (ScalarType type in Types)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor[] x = [.. inputs.Select(input => ToTensor(input, name, type).requires_grad_())];
            Tensor[] kept = [.. state.Select(input => ToTensor(input, name, type))];
            GoldenTensor[] before = [.. inputs.Concat(state).Zip(x.Concat(kept), (input, tensor) => ToGolden(input.Name, tensor))];
            (string Name, Tensor Value)[] outputs = forward([.. x, .. kept]);
            Tensor y = outputs[0].Value;
            Tensor cotangent = ToTensor(new Input("cotangent", Shape(y), -1, 1), name, type);
            Tensor[] gradients = [.. autograd.grad([y], x, [cotangent])];
            cases.Add(new GoldenCase
            {
                Name = name,
                Op = op,
                Type = Name(type),
                Arguments = arguments.ToDictionary(argument => argument.Name, argument => argument.Value),
                Labels = labels,
                Inputs = [.. before],
                Outputs = [.. outputs.Select(output => ToGolden(output.Name, output.Value))],
                Cotangent = Values(cotangent),
                Gradients = [.. inputs.Zip(gradients, (input, tensor) => ToGolden(input.Name, tensor))],
            });
        }
    }

    /// <summary>Adds a case made elsewhere.</summary>
    public void Add(GoldenCase golden) => cases.Add(golden);

    /// <summary>The input in libtorch.</summary>
    public static Tensor ToTensor(Input input, string seed, ScalarType type) =>
        tensor(input.Draw(seed), [.. input.Shape.Select(extent => (long)extent)]).to_type(type);

    /// <summary>A tensor as the file keeps it.</summary>
    public static GoldenTensor ToGolden(string name, Tensor tensor) => new(name, Shape(tensor), Values(tensor));

    /// <summary>The type as the file names it.</summary>
    public static string Name(ScalarType type) => type == ScalarType.Float64 ? "float64" : "float32";

    private static int[] Shape(Tensor tensor) => [.. tensor.shape.Select(extent => (int)extent)];

    /// <summary>The elements; a float becomes the double with the same shortest decimal, which keeps the file short.</summary>
    private static double[] Values(Tensor tensor)
    {
        using Tensor copy = tensor.detach().contiguous();
        return copy.dtype == ScalarType.Float32
            ? [.. copy.data<float>().ToArray().Select(value => double.Parse(value.ToString("R")))]
            : copy.data<double>().ToArray();
    }
}
