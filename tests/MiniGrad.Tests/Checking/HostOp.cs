using System.Numerics;
using MiniGrad.Backends;

namespace MiniGrad.Tests;

/// <summary>
/// An op computed on the host from plain arrays, with any vector-Jacobian product, right or wrong: for tests of the engine and the checker.
/// </summary>
internal static class HostOp
{
    public static Tensor<T> Apply<T>(
        Shape shape, Func<double[][], double[]> forward, Func<double[][], double[], double[][]> vjp, params ReadOnlySpan<Tensor<T>> inputs)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tape<T> tape = inputs[0].Tape;
        double[][] x = Values(inputs);
        bool needsGradient = false;
        foreach (Tensor<T> input in inputs)
        {
            needsGradient |= input.NeedsGradient;
        }
        Tensor<T> y = tape.NewResult(shape, needsGradient);
        tape.Backend.Upload<T>(Array.ConvertAll(forward(x), T.CreateChecked), y.Value);
        if (y.NeedsGradient)
        {
            tape.Record<HostNode<T>>(y, inputs).Vjp = vjp;
        }
        return y;
    }

    internal static double[][] Values<T>(ReadOnlySpan<Tensor<T>> tensors)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double[][] values = new double[tensors.Length][];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Array.ConvertAll(tensors[i].ToArray(), double.CreateChecked);
        }
        return values;
    }
}

internal sealed class HostNode<T> : TapeNode<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public Func<double[][], double[], double[][]> Vjp { get; set; } = (_, _) => [];

    public override string Op => "Host";

    public override void Backward(IBackend<T> backend)
    {
        double[][] dx = Vjp(HostOp.Values(Inputs), Array.ConvertAll(Output.GradientToArray(), double.CreateChecked));
        for (int i = 0; i < Inputs.Length; i++)
        {
            GradientSink<T> sink = Inputs[i].GradientSink();
            if (!sink.IsWanted)
            {
                continue;
            }
            T[] gradient = Array.ConvertAll(dx[i], T.CreateChecked);
            if (sink.Accumulate)
            {
                T[] sum = new T[gradient.Length];
                backend.Download(sink.Buffer, sum);
                for (int k = 0; k < sum.Length; k++)
                {
                    gradient[k] += sum[k];
                }
            }
            backend.Upload<T>(gradient, sink.Buffer);
        }
    }
}
