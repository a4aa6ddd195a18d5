using System.Diagnostics;
using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Samples.Compare;

/// <summary>One network with its optimizer, trained once. The seed alone decides the first weights and the order of the images.</summary>
internal sealed class NetworkRun<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>A cross-entropy that no training comes back from: random guessing has 2.3.</summary>
    private const double HopelessLoss = 1e6;

    private const int TestBatch = 250;

    private readonly MlpSettings settings;
    private readonly string norm;
    private readonly int batchSize;
    private readonly ulong seed;
    private readonly Mlp<T> model;
    private readonly Optimizer<T> optimizer;
    private readonly Tape<T> tape;
    private readonly Stopwatch clock = new();
    private readonly T[] logits = new T[TestBatch * ImageSet.Classes];
    private long step;

    public NetworkRun(MlpSettings settings, IBackend<T> backend, string norm, int batchSize, ulong seed)
    {
        (this.settings, this.norm, this.batchSize, this.seed) = (settings, norm, batchSize, seed);
        NormalizationScheme scheme = Choices.Norm(norm);
        if (scheme == NormalizationScheme.Batch && settings.UsesUnbiasedVariance(batchSize))
        {
            scheme = NormalizationScheme.BatchUnbiased;
        }
        // One stream of random numbers for the weights and one for the order, so that schemes with one seed see the same images in turn.
        model = new Mlp<T>(
            backend, settings.Data.Train.PixelsPerImage, settings.Hidden, ImageSet.Classes, new Philox(seed, stream: 0), scheme,
            Choices.Activation(settings.Activation));
        optimizer = Choices.Optimizer(settings.Optimizer, model.Parameters, settings.LearningRate);
        optimizer.FusesProducts = true; // With 4 images a step is as long as its way through the weights.
        tape = new Tape<T>(backend);
    }

    /// <summary>Steps in an epoch over these images.</summary>
    public int StepsPerEpoch(ImageSet train) => Order(train).PerEpoch;

    /// <summary>Trains for all epochs, with a test after each.</summary>
    public RunResult Train(ImageSet train, ImageSet test, IRunObserver? observer, CancellationToken stop)
    {
        Batches<T> batches = Order(train), tests = new(test, TestBatch, null);
        CurveRecorder recorder = new(batches.PerEpoch, settings.Epochs);
        Divergence? diverged = null;
        for (int epoch = 0; epoch < settings.Epochs && diverged is null && !stop.IsCancellationRequested; epoch++)
        {
            diverged = TrainEpoch(batches, recorder, observer, stop);
            if (recorder.IsEpochComplete)
            {
                (double loss, double error) = Test(tests);
                diverged = double.IsFinite(loss) ? null : new Divergence(step, loss);
                if (diverged is null)
                {
                    observer?.EndEpoch(recorder.EndEpoch(loss, error));
                }
            }
        }
        return new RunResult(norm, batchSize, seed, model.ParameterCount)
        {
            Curve = recorder.Curve,
            Epochs = recorder.Epochs,
            Diverged = diverged,
            StoppedAt = diverged is null && recorder.Epochs.Count < settings.Epochs ? step : null,
            StepsPerSecond = step == 0 ? 0 : step / clock.Elapsed.TotalSeconds,
        };
    }

    public void Dispose()
    {
        tape.Dispose();
        optimizer.Dispose();
        model.Dispose();
    }

    private Batches<T> Order(ImageSet train) => new(train, batchSize, new Philox(seed, stream: 1));

    private Divergence? TrainEpoch(Batches<T> batches, CurveRecorder recorder, IRunObserver? observer, CancellationToken stop)
    {
        clock.Start();
        try
        {
            foreach (Batch<T> batch in batches.NextEpoch())
            {
                double loss = Step(batch);
                step++;
                if (!double.IsFinite(loss) || loss > HopelessLoss)
                {
                    return new Divergence(step, loss);
                }
                if (recorder.Add(step, loss, batch.Labels.Length, clock.Elapsed.TotalSeconds))
                {
                    observer?.Reach(step, loss);
                }
                if (stop.IsCancellationRequested)
                {
                    break;
                }
            }
            return null;
        }
        finally
        {
            clock.Stop();
        }
    }

    private double Step(Batch<T> batch)
    {
        Tensor<T> loss = model.Forward(tape.Constant(batch.Images, batch.Shape)).SoftmaxCrossEntropy(batch.Labels);
        tape.Backward(loss);
        optimizer.Step();
        optimizer.ZeroGradients();
        double value = double.CreateChecked(loss.Item());
        tape.Reset();
        return value;
    }

    private (double Loss, double Error) Test(Batches<T> tests)
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
