using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

public sealed class ModuleTests : IDisposable
{
    private readonly IBackend<float> backend = CpuBackend.Create<float>(threads: 1);

    public void Dispose()
    {
        Assert.Equal(0, backend.Pool.Outstanding);
        backend.Dispose();
    }

    [Fact]
    public void Paths_join_names_in_the_order_of_addition()
    {
        using Parent parent = new(backend);
        Assert.Equal(
            ["first.weight", "first.bias", "scale", "second.weight", "second.bias"], parent.NamedParameters.Select(named => named.Path));
        Assert.Equal(["first.mean", "second.mean"], parent.NamedState.Select(named => named.Path));
        Assert.Equal(parent.NamedParameters.Select(named => named.Parameter), parent.Parameters);
        Assert.Equal(parent.NamedParameters.Select(named => named.Path), parent.Parameters.Select(parameter => parameter.Path));
        Assert.Equal(2 * (6 + 3) + 1, parent.ParameterCount);
    }

    [Fact]
    public void Values_and_state_are_copied_between_modules_built_alike()
    {
        using Parent from = new(backend), to = new(backend);
        Philox random = new(1);
        foreach (NamedParameter<float> named in from.NamedParameters.Concat(from.NamedState))
        {
            named.Parameter.FillNormal(random, 0, 1);
        }
        to.CopyFrom(from);
        Assert.Equal(Values(from), Values(to));
        to.Parameters[0].FillConstant(5);
        Assert.NotEqual(Values(from), Values(to));
    }

    [Fact]
    public void Modules_built_differently_are_not_copied()
    {
        using Parent parent = new(backend);
        using Child child = new(backend, 3), wider = new(backend, 4);
        Assert.Contains(
            "number 0 is weight (2, 3) here and first.weight (2, 3) there",
            Assert.Throws<ArgumentException>(() => child.CopyFrom(parent)).Message);
        Assert.Contains("weight (2, 4)", Assert.Throws<ArgumentException>(() => child.CopyFrom(wider)).Message);
    }

    [Fact]
    public void A_name_is_given_once()
    {
        using Child child = new(backend, 3), extra = new(backend, 3), dotted = new(backend, 3);
        Assert.Contains("'weight'", Assert.Throws<InvalidOperationException>(() => child.Add("weight", extra)).Message);
        Assert.Throws<InvalidOperationException>(() => child.Add("a.b", dotted));
    }

    [Fact]
    public void A_module_is_part_of_one_other_and_complete_by_then()
    {
        using Child shared = new(backend, 3), other = new(backend, 3), late = new(backend, 3);
        using Child parent = new(backend, 3);
        parent.Add("shared", shared);
        Assert.Contains("already part", Assert.Throws<InvalidOperationException>(() => other.Add("again", shared)).Message);
        Assert.Contains("already part", Assert.Throws<InvalidOperationException>(() => shared.Add("late", late)).Message);
    }

    private static float[][] Values(Module<float> module) =>
        [.. module.NamedParameters.Concat(module.NamedState).Select(named => named.Parameter.ToArray())];

    private sealed class Child : Module<float>
    {
        public Child(IBackend<float> backend, int width)
        {
            Add(new Parameter<float>(backend, "weight", new Shape(2, width)));
            AddState(new Parameter<float>(backend, "mean", new Shape(width)));
            Add(new Parameter<float>(backend, "bias", new Shape(width)));
        }

        public void Add(string name, Child child) => base.Add(name, child);
    }

    private sealed class Parent : Module<float>
    {
        public Parent(IBackend<float> backend)
        {
            Add("first", new Child(backend, 3));
            Add(new Parameter<float>(backend, "scale", Shape.Scalar));
            Add("second", new Child(backend, 3));
        }
    }
}
