// Trains a network with two hidden layers to read digits: a whole training program, to be read from top to bottom and copied.

using System.Diagnostics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;
using Tensor = MiniGrad.Tensor<float>;

namespace MiniGrad.Samples.Mlp;

internal static class Program
{
    private static int Main(string[] args) => Run(args, Console.Out, Console.Error);

    /// <summary>The whole program, for tests too; returns the exit code.</summary>
    public static int Run(string[] args, TextWriter output, TextWriter error) => SampleHost.Run(error, () =>
    {
        if (SampleHost.Parse<Options>(args, output, "See samples/Mlp/README.md.") is { } options)
        {
            options.Check();
            Train(options, output);
        }
        return 0;
    });

    private static void Train(Options options, TextWriter output)
    {
        // The device does the arithmetic, and owns the memory of everything below.
        using IBackend<float> backend = DevicePicker.Create<float>(options.Device, options.Threads, options.Tf32);
        ImageData data = ImageData.Load(options.Data);
        ImageSet train = options.DryRun ? data.Train.First(3 * options.BatchSize) : data.Train;
        ImageSet test = options.DryRun ? data.Test.First(100) : data.Test;
        output.WriteLine($"{data}, on {DevicePicker.Describe(options.Device, backend)}");

        // The model: pixels -> hidden -> hidden -> a score for each class. The seed makes its first weights.
        int[] hidden = [options.Hidden, options.Hidden];
        using Mlp<float> model = new(
            backend, train.PixelsPerImage, hidden, ImageSet.Classes, new Philox(options.Seed), Choices.Norm(options.Norm), Activation.Relu);
        using Adam<float> optimizer = new(model.Parameters, options.LearningRate);
        output.WriteLine($"{model.ParameterCount:N0} parameters, norm {options.Norm}, batch size {options.BatchSize}");

        // The tape records what the model does in a step, to go back over it for gradients.
        using Tape<float> tape = new(backend);
        Batches<float> batches = new(train, options.BatchSize, new Philox(options.Seed, stream: 1)), tests = new(test, 250, null);
        TrainingLog log = new(output, options.Csv);
        Stopwatch clock = new();
        for (int epoch = 1; epoch <= options.Epochs; epoch++)
        {
            clock.Start();
            double trainLoss = TrainEpoch(model, optimizer, tape, batches);
            clock.Stop();
            (double testLoss, double testError) = Test(model, tape, tests);
            log.Write(epoch, optimizer.StepCount, trainLoss, testLoss, testError, clock.Elapsed.TotalSeconds);
        }
        output.Write(DevicePicker.DescribeSteps(backend, optimizer.StepCount));
    }

    /// <summary>One step for each batch; returns the mean loss.</summary>
    private static double TrainEpoch(Mlp<float> model, Adam<float> optimizer, Tape<float> tape, Batches<float> batches)
    {
        double sum = 0;
        int count = 0;
        foreach (Batch<float> batch in batches.NextEpoch())
        {
            Tensor loss;
            using (tape.Backend.BeginStep()) // A GPU launches what repeats as a whole.
            {
                // Forward: how wrong is the model on these images?
                Tensor scores = model.Forward(tape.Constant(batch.Images, batch.Shape), Phase.Training);
                loss = scores.SoftmaxCrossEntropy(batch.Labels);

                // Backward: which way does each parameter make it worse? Then a step the other way.
                tape.Backward(loss);
                optimizer.Step();
                optimizer.ZeroGradients();
            }
            sum += batch.Labels.Length * loss.Item();
            count += batch.Labels.Length;
            tape.Reset(); // Gives the memory of this step to the next.
            if (!double.IsFinite(sum))
            {
                throw new InputException($"training diverged at step {optimizer.StepCount}: the loss is {sum}; try a smaller --lr.");
            }
        }
        return sum / count;
    }

    /// <summary>The mean loss and the fraction of wrong answers on images that the model was not trained on.</summary>
    private static (double Loss, double Error) Test(Mlp<float> model, Tape<float> tape, Batches<float> tests)
    {
        double loss = 0;
        int wrong = 0, count = 0;
        using (tape.Pause())
        {
            foreach (Batch<float> batch in tests.NextEpoch())
            {
                Tensor scores = model.Forward(tape.Constant(batch.Images, batch.Shape), Phase.Evaluation);
                loss += batch.Labels.Length * scores.SoftmaxCrossEntropy(batch.Labels).Item();
                wrong += Accuracy.CountWrong<float>(scores.ToArray(), batch.Labels);
                count += batch.Labels.Length;
                tape.Reset();
            }
        }
        return (loss / count, (double)wrong / count);
    }
}
