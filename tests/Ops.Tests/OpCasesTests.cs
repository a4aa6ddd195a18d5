using System.Reflection;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

public class OpCasesTests
{
    [Theory]
    [MemberData(nameof(OpCases.Names), MemberType = typeof(OpCases))]
    public void Every_case_runs_in_float_and_double(string name)
    {
        OpCase op = OpCases.Get(name);
        using IBackend<float> floats = CpuBackend.Create<float>(1);
        using IBackend<double> doubles = CpuBackend.Create<double>(1);
        using Tape<float> floatTape = new(floats);
        using Tape<double> doubleTape = new(doubles);
        float[] y = op.Invoke([.. op.Inputs<float>().Select((x, i) => floatTape.Variable(x, op.Shapes[i]))]).ToArray();
        double[] expected = op.Invoke([.. op.Inputs<double>().Select((x, i) => doubleTape.Variable(x, op.Shapes[i]))]).ToArray();
        Assert.Equal(expected.Length, y.Length);
        Assert.All(expected, value => Assert.True(double.IsFinite(value), $"{name} gives {value}: choose the domain off its poles."));
    }

    [Fact]
    public void Every_op_has_a_case()
    {
        HashSet<Type> withCase = [.. OpCases.Methods.Select(found => found.Method.DeclaringType!)];
        IEnumerable<string> without = typeof(AddExtensions).Assembly.GetTypes()
            .Where(type => type.Name.EndsWith("Extensions", StringComparison.Ordinal) && !withCase.Contains(type))
            .Where(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public).Any(method => method.ReturnType.Name == "Tensor`1"))
            .Select(type => type.Name);
        Assert.Empty(without);
    }

    [Fact]
    public void Inputs_are_the_same_for_the_same_seed_and_inside_the_domain()
    {
        OpCase op = OpCases.Get("Tanh(3x5)");
        Assert.Equal(op.Inputs<double>(3)[0], op.Inputs<double>(3)[0]);
        Assert.NotEqual(op.Inputs<double>(3)[0], op.Inputs<double>(4)[0]);
        Assert.All(op.Inputs<double>()[0], value => Assert.InRange(value, -2, 2));
    }

    [Fact]
    public void Optional_and_params_arguments_take_their_defaults()
    {
        Assert.Contains(OpCases.All, op => op.Name == "LayerNorm(3x7, 7, 7)");
        Assert.Contains(OpCases.All, op => op.Name == "Sum(3x5)");
    }
}
