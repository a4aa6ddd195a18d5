using System.Globalization;
using System.Numerics;
using MiniGrad.Training;

namespace MiniGrad.Samples.Compare;

/// <summary>A checked choice of a task, with its data, its defaults, and its words for the report.</summary>
internal sealed record TaskChoice
{
    public static IReadOnlyList<string> Names { get; } = ["charlm", "seqmnist", "adding", "copy"];

    private const string StartText = " Hidden states start from small random numbers.";

    private const int MostSteps = 100_000, MostBatch = 65_536;

    public required string Name { get; init; }

    /// <summary>T of a batch.</summary>
    public required int Steps { get; init; }

    /// <summary>The text of charlm.</summary>
    public TextData? Text { get; init; }

    /// <summary>The images of seqmnist.</summary>
    public ImageData? Images { get; init; }

    public required string Title { get; init; }

    public required string Lead { get; init; }

    public required string DataText { get; init; }

    /// <summary>What counts as wrong.</summary>
    public required string ErrorText { get; init; }

    /// <summary>The options that choose it.</summary>
    public required IReadOnlyList<string> Words { get; init; }

    public required int BatchSize { get; init; }

    public required int Epochs { get; init; }

    /// <summary>One that suits the plain network.</summary>
    public required double LearningRate { get; init; }

    public bool Permutes { get; init; }

    /// <summary>
    /// Whether there are steps at which all cases read the same, as while the copying problem waits. Such a step has no variance: batch
    /// norm by its own statistics divides what running means lag behind by sqrt(epsilon), so it takes those of all steps for the inputs.
    /// </summary>
    public bool ReadsAlike => Text is null;

    public bool IsText => Text is not null;

    /// <exception cref="InputException">An option is wrong or belongs to another task, or data cannot be read.</exception>
    public static TaskChoice From(LstmOptions options)
    {
        string name = Choices.Require("--task", options.Task, Names);
        RefuseFor("--by", options.By is not null, name == "seqmnist", "seqmnist");
        RefuseFor("--permute", options.Permute, name == "seqmnist", "seqmnist");
        RefuseFor("--data", options.Data is not null, name == "seqmnist", "seqmnist");
        RefuseFor("--text", options.Text is not null, name == "charlm", "charlm");
        RefuseFor("--length", options.Length is not null, name != "seqmnist", "charlm, adding and copy");
        return name switch
        {
            "charlm" => ReadText(options),
            "seqmnist" => ReadImages(options),
            "adding" => Add(options),
            _ => Copy(options),
        };
    }

    public SequenceTask<T> Create<T>(int cases, Philox random)
        where T : unmanaged, IFloatingPointIeee754<T> => Name switch
        {
            "charlm" => new TextTask<T>(Text!, cases, Steps),
            "seqmnist" => new ImageTask<T>(Images!, cases, Images!.Train.PixelsPerImage / Steps, Permutes, random),
            "adding" => new AddingTask<T>(cases, Steps, random),
            _ => new CopyTask<T>(cases, Steps - (2 * CopyTask<T>.Length), random),
        };

    /// <summary>How many cases a batch of tests has: of a text, as many places as fit at least four pieces.</summary>
    public int TestCases(int most) => Text is null ? most : Math.Clamp(Text.Validation.Length / (4 * (Steps + 1)), 1, Math.Min(most, 32));

    /// <exception cref="InputException">There are fewer data than a batch needs.</exception>
    public void RequireBatch(int size)
    {
        if (size > MostBatch || (Images is not null && size > Images.Train.Count))
        {
            throw new InputException($"--batch-sizes {size}: there are only {Images?.Train.Count ?? MostBatch} training images.");
        }
        if (Text is not null && (Text.Train.Length / size) - 1 < Steps)
        {
            throw new InputException($"--batch-sizes {size} --length {Steps}: the text has only {Text.Train.Length} training characters.");
        }
    }

    private static TaskChoice ReadText(LstmOptions options)
    {
        int steps = Length(options, 64, 1);
        TextData text = TextData.Load(options.Text);
        return new()
        {
            Name = "charlm",
            Steps = steps,
            Text = text,
            Title = $"the next character of {text.Source}",
            Lead = $"The text is read {steps} characters at a time; the state is carried on, gradients end there.",
            DataText = text.ToString(),
            ErrorText = "The error is how often another character seemed likeliest.",
            Words = ["--task", "charlm", "--length", Word(steps), .. options.Text is null ? (string[])[] : ["--text", options.Text]],
            BatchSize = 32,
            Epochs = 10,
            LearningRate = 1e-2,
        };
    }

    private static TaskChoice ReadImages(LstmOptions options)
    {
        string by = Choices.Require("--by", options.By ?? "row", ["row", "pixel"]);
        ImageData images = ImageData.Load(options.Data);
        return new()
        {
            Name = "seqmnist",
            Steps = by == "row" ? images.Train.Rows : images.Train.PixelsPerImage,
            Images = images,
            Permutes = options.Permute,
            Title = $"{images.Source}, {by} by {by}{(options.Permute ? ", permuted" : "")}",
            Lead = $"An image is a sequence of {(by == "row" ? "rows" : "pixels")}, and its class is asked for after the last." +
                (options.Permute ? " Pixels are shuffled by one random permutation, the same for all images: each is there once." : "") +
                StartText,
            DataText = images.ToString(),
            ErrorText = "The error is the fraction of wrong classes.",
            Words =
            [
                "--task", "seqmnist", "--by", by, .. options.Permute ? (string[])["--permute"] : [],
                .. options.Data is null ? (string[])[] : ["--data", options.Data],
            ],
            // By pixels a step costs 28 times as much.
            BatchSize = by == "row" ? 100 : 32,
            Epochs = by == "row" ? 8 : 3,
            LearningRate = 3e-3,
        };
    }

    private static TaskChoice Add(LstmOptions options)
    {
        int steps = Length(options, 100, 2);
        return new()
        {
            Name = "adding",
            Steps = steps,
            Title = $"the adding problem over {steps} steps",
            Lead = "The sum of the two numbers that were marked is asked for after the last step; always answering 1 has a loss of 0.167." +
                StartText,
            DataText = "made by random numbers",
            ErrorText = $"An answer is wrong if it is more than {AddingTask<double>.Allowed.ToString(CultureInfo.InvariantCulture)} off.",
            Words = ["--task", "adding", "--length", Word(steps)],
            BatchSize = 64,
            Epochs = 10,
            LearningRate = 3e-3,
        };
    }

    private static TaskChoice Copy(LstmOptions options)
    {
        int wait = Length(options, 30, 1);
        return new()
        {
            Name = "copy",
            Steps = wait + (2 * CopyTask<double>.Length),
            Title = $"the copying problem with a wait of {wait} steps",
            Lead = $"{CopyTask<double>.Length} symbols out of {CopyTask<double>.Symbols} have to be named after the wait; " +
                "guessing has a loss of 2.08." + StartText,
            DataText = "made by random numbers",
            ErrorText = "The error is the fraction of symbols that are named wrong.",
            Words = ["--task", "copy", "--length", Word(wait)],
            BatchSize = 64,
            Epochs = 10,
            LearningRate = 3e-3,
        };
    }

    private static int Length(LstmOptions options, int usual, int least)
    {
        int length = options.Length ?? usual;
        return length >= least && length <= MostSteps
            ? length
            : throw new InputException($"--length {length}: must be {least} to {MostSteps}.");
    }

    private static void RefuseFor(string option, bool isGiven, bool fits, string tasks)
    {
        if (isGiven && !fits)
        {
            throw new InputException($"{option}: is for --task {tasks} only.");
        }
    }

    private static string Word(int number) => number.ToString(CultureInfo.InvariantCulture);
}
