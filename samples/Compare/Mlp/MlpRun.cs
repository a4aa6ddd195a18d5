using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Samples.Compare;

/// <summary>One perceptron with its optimizer, trained once. The seed alone decides the first weights and the images' order.</summary>
internal sealed class MlpRun<T> : TrainingRun<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int DryRunSteps = 3, DryRunTests = 100;
    private const int TestBatch = 250;

    private readonly Mlp<T> model;
    private readonly Optimizer<T> optimizer;
    private readonly Tape<T> tape;
    private readonly Batches<T> batches, tests;
    private readonly T[] logits = new T[TestBatch * ImageSet.Classes];
    private Batches<T>.Epoch epoch;

    public MlpRun(MlpSettings settings, IBackend<T> backend, string norm, int batchSize, ulong seed)
        : base(norm, batchSize, seed)
    {
        NormalizationScheme scheme = Choices.Norm(norm);
        if (scheme == NormalizationScheme.Batch && settings.UsesUnbiasedVariance(batchSize))
        {
            scheme = NormalizationScheme.BatchUnbiased;
        }
        ImageSet train = settings.Data.Train, test = settings.Data.Test;
        if (settings.DryRun)
        {
            (train, test) = (train.First(DryRunSteps * batchSize), test.First(DryRunTests));
        }
        // One stream of random numbers for the weights and one for the order, so that schemes with one seed see the same images in turn.
        model = new Mlp<T>(
            backend, train.PixelsPerImage, settings.Hidden, ImageSet.Classes, new Philox(seed, stream: 0), scheme,
            Choices.Activation(settings.Activation));
        optimizer = Choices.Optimizer(settings.Optimizer, model.Parameters, settings.LearningRate);
        optimizer.FusesProducts = true; // Gradients are not read here, and at small batches take longer to store than to compute.
        tape = new Tape<T>(backend);
        batches = new Batches<T>(train, batchSize, new Philox(seed, stream: 1));
        tests = new Batches<T>(test, TestBatch, null);
        Epochs = settings.Epochs;
    }

    public override int Epochs { get; }

    public override int StepsPerEpoch => batches.PerEpoch;

    protected override int ParameterCount => model.ParameterCount;

    public override void Dispose()
    {
        tape.Dispose();
        optimizer.Dispose();
        model.Dispose();
    }

    protected override void BeginEpoch() => epoch = batches.NextEpoch();

    protected override (double Loss, int Cases) Step()
    {
        epoch.MoveNext();
        Batch<T> batch = epoch.Current;
        Tensor<T> loss;
        using (tape.Backend.BeginStep())
        {
            loss = model.Forward(tape.Constant(batch.Images, batch.Shape)).SoftmaxCrossEntropy(batch.Labels);
            tape.Backward(loss);
            optimizer.Step();
            optimizer.ZeroGradients();
        }
        double value = double.CreateChecked(loss.Item());
        tape.Reset();
        return (value, batch.Labels.Length);
    }

    protected override (double Loss, double Error) Test()
    {
        double loss = 0;
        int wrong = 0, count = 0;
        using (tape.Pause())
        {
            foreach (Batch<T> batch in tests.NextEpoch())
            {
                Tensor<T> output = model.Forward(tape.Constant(batch.Images, batch.Shape), Phase.Evaluation);
                loss += batch.Labels.Length * double.CreateChecked(output.SoftmaxCrossEntropy(batch.Labels).Item());
                Span<T> scores = logits.AsSpan(0, output.Shape.ElementCount);
                output.CopyTo(scores);
                wrong += Accuracy.CountWrong<T>(scores, batch.Labels);
                count += batch.Labels.Length;
                tape.Reset();
            }
        }
        return (loss / count, (double)wrong / count);
    }
}
