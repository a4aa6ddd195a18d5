// Trains an LSTM to guess the next character of a novel, and has it write: a whole program, to be read from top to bottom and copied.

using System.Diagnostics;
using System.Globalization;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;
using Tensor = MiniGrad.Tensor<float>;

namespace MiniGrad.Samples.Lstm;

internal static class Program
{
    private const int DryRunSteps = 3;

    private static int Main(string[] args) => Run(args, Console.Out, Console.Error);

    /// <summary>The whole program, for tests too; returns the exit code.</summary>
    public static int Run(string[] args, TextWriter output, TextWriter error) => SampleHost.Run(error, () =>
    {
        if (SampleHost.Parse<Options>(args, output, "See samples/Lstm/README.md.") is { } options)
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
        TextData text = TextData.Load(options.Text);
        output.WriteLine($"{text}");

        // The model: a character (one-hot) -> LSTM -> a score for each character that may come next. The seed makes its first weights.
        int characters = text.Alphabet.Length;
        using Lstm<float> model = new(
            backend, characters, options.Hidden, new Philox(options.Seed), Choices.RecurrentNorm(options.Norm), options.Layers,
            outputs: characters);
        using Adam<float> optimizer = new(model.Parameters, options.LearningRate);
        output.WriteLine(
            $"{model.ParameterCount:N0} parameters, norm {options.Norm}, batch size {options.BatchSize}, length {options.Length}");
        if (options.Verbose)
        {
            output.WriteLine($"device: {DevicePicker.Describe(options.Device, backend)}");
            output.WriteLine(string.Join('\n', model.NamedParameters));
        }

        // The text as pieces of a number of steps, of several places side by side; the state goes on from one piece to the next.
        TextPieces<float> pieces = new(text.Train, characters, options.BatchSize, options.Length);
        using CarriedState<float> state = new(model, backend, options.BatchSize);
        using Tape<float> tape = new(backend);
        Writer writer = new(model, tape, text.Alphabet, options);
        Stopwatch clock = new();
        double trained = 0;
        long last = options.DryRun ? DryRunSteps : (long)options.Epochs * pieces.Count, reported = 0;
        for (long step = 1; step <= last; step++)
        {
            clock.Start();
            int piece = (int)((step - 1) % pieces.Count);
            if (piece == 0)
            {
                state.Clear(); // Back at the start of the text, where there is nothing to remember.
            }

            // Forward: how surprised is the model by these characters? Backward, as far as the piece goes; then a step the other way.
            Tensor loss;
            using (backend.BeginStep()) // A GPU launches what repeats as a whole.
            {
                loss = Loss(model, tape, pieces, piece, state, Phase.Training);
                tape.Backward(loss);
                model.Parameters.ClipGradientNorm(options.Clip);
                optimizer.Step();
                optimizer.ZeroGradients();
            }
            trained += loss.Item();
            tape.Reset(); // Gives the memory of this step to the next; the state's values stay.
            clock.Stop();
            if (!double.IsFinite(trained))
            {
                throw new InputException($"training diverged at step {step}: the loss is {trained}; try a smaller --lr.");
            }
            if (step % options.ReportEvery == 0 || step == last)
            {
                double validation = Validate(model, tape, text, options);
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"step {step}/{last}  bits per character: train {Bits(trained / (step - reported), options)}  " +
                    $"validation {Bits(validation, options)}  {clock.Elapsed.TotalSeconds:0.0} s"));
                (trained, reported) = (0, step);
                if (options.Sample > 0)
                {
                    output.WriteLine($"  | {writer.Write(options.Sample).ReplaceLineEndings("\n  | ")}");
                }
            }
        }
        output.Write(DevicePicker.DescribeSteps(backend, last));
    }

    /// <summary>The mean cross-entropy of the characters of a piece; the state goes on to the next piece.</summary>
    private static Tensor Loss(
        Lstm<float> model, Tape<float> tape, TextPieces<float> pieces, int piece, CarriedState<float> state, Phase phase)
    {
        ReadOnlySpan<float> characters = pieces.Read(piece, out ReadOnlySpan<int> next);
        Span<RecurrentState<float>> states = state.Load(tape);
        Tensor scores = model.Forward(tape.Constant(characters, pieces.Shape), states, phase: phase);
        state.Save(states);
        return scores.Reshape(next.Length, -1).SoftmaxCrossEntropy(next);
    }

    /// <summary>The mean cross-entropy of text that the model was not trained on.</summary>
    private static double Validate(Lstm<float> model, Tape<float> tape, TextData text, Options options)
    {
        // As many places at once as a short text has room for.
        int streams = Math.Clamp(text.Validation.Length / (options.Length + 1), 1, 32);
        int steps = Math.Min(options.Length, text.Validation.Length - 1);
        TextPieces<float> pieces = new(text.Validation, text.Alphabet.Length, streams, steps);
        using CarriedState<float> state = new(model, tape.Backend, streams);
        int count = options.DryRun ? 1 : pieces.Count;
        double sum = 0;
        using (tape.Pause())
        {
            for (int piece = 0; piece < count; piece++)
            {
                sum += Loss(model, tape, pieces, piece, state, Phase.Evaluation).Item();
                tape.Reset();
            }
        }
        return sum / count;
    }

    /// <summary>Cross-entropy in bits: how long the text would be if it were compressed with the model.</summary>
    private static string Bits(double nats, Options options) =>
        (nats / Math.Log(2)).ToString(options.Verbose ? "0.0000000" : "0.000", CultureInfo.InvariantCulture);
}
