using CsCheck;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Ops.Cpu;
using MiniGrad.Training;

namespace MiniGrad.Tests;

/// <summary>Properties of random computations: which tensors feed which ops is drawn, with shapes that broadcast.</summary>
public class RandomGraphTests
{
    private static readonly Shape[] LeafShapes = [new(2, 3), new(3), new(2, 1), Shape.Scalar, new(1, 3)];

    /// <summary>One op: what it is, and which of the tensors made so far it reads, modulo their number.</summary>
    private static readonly Gen<(int Op, int A, int B)[]> Graphs = Gen.Select(Gen.Int[0, 3], Gen.Int[0, 99], Gen.Int[0, 99]).Array[1, 25];

    private static readonly Gen<(int Op, int A, int B)[][]> Steps = Graphs.Array[1, 4];

    [Fact]
    public void Gradients_agree_with_central_differences() => Graphs.Sample(
        graph =>
        {
            using IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
            using Tape<double> tape = new(backend);
            double[][] leaves = Leaves();
            double[][] gradients = Run(tape, graph, leaves).Gradients;
            for (int leaf = 0; leaf < leaves.Length; leaf++)
            {
                for (int i = 0; i < leaves[leaf].Length; i++)
                {
                    const double H = 1e-5;
                    double Loss(double step)
                    {
                        double[][] moved = Leaves();
                        moved[leaf][i] += step;
                        tape.Reset();
                        return Run(tape, graph, moved).Loss;
                    }
                    double expected = (Loss(H) - Loss(-H)) / (2 * H);
                    Assert.Equal(expected, gradients[leaf][i], 1e-7 * Math.Max(1, Math.Abs(expected)));
                }
            }
        },
        iter: 50);

    [Fact]
    public void A_tape_used_again_gives_bitwise_the_same_and_takes_no_more_memory() => Steps.Sample(
        steps =>
        {
            using IBackend<double> backend = CpuBackend.Create<double>(threads: 1);
            Tape<double> tape = new(backend);
            double[][][] first = [.. steps.Select(Step)];
            long reserved = backend.Pool.BytesReserved;
            double[][][] second = [.. steps.Select(Step)];
            Assert.Equal(reserved, backend.Pool.BytesReserved);
            Assert.Equal(first, second);
            using (Tape<double> fresh = new(backend))
            {
                Assert.Equal(first[0], Run(fresh, steps[0], Leaves()).Gradients);
            }
            tape.Dispose();
            Assert.Equal(0, backend.Pool.Outstanding);

            double[][] Step((int Op, int A, int B)[] graph)
            {
                double[][] gradients = Run(tape, graph, Leaves()).Gradients;
                tape.Reset();
                return gradients;
            }
        },
        iter: 200);

    private static double[][] Leaves()
    {
        Philox random = new(77);
        double[][] leaves = [.. LeafShapes.Select(shape => new double[shape.ElementCount])];
        foreach (double[] leaf in leaves)
        {
            random.Uniform<double>(leaf, -1, 1);
        }
        return leaves;
    }

    private static (double Loss, double[][] Gradients) Run(Tape<double> tape, (int Op, int A, int B)[] graph, double[][] values)
    {
        Tensor<double>[] leaves = [.. values.Select((value, i) => tape.Variable(value, LeafShapes[i]))];
        List<Tensor<double>> made = [.. leaves];
        foreach ((int op, int a, int b) in graph)
        {
            Tensor<double> x = made[a % made.Count], y = made[b % made.Count];
            made.Add(op switch
            {
                0 => (x + y).Tanh(),
                1 => (x * y).Tanh(),
                2 => x.Tanh(),
                _ => x.Sum().Tanh(),
            });
        }
        // Every leaf and the last results feed the loss.
        Tensor<double> loss = made[^1].Sum();
        foreach (Tensor<double> tensor in made[..^1])
        {
            loss += tensor.Tanh().Sum();
        }
        tape.Backward(loss);
        return (loss.Item(), [.. leaves.Select(leaf => leaf.GradientToArray())]);
    }
}
