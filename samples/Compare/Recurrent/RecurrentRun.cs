using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Ops;
using MiniGrad.Training;

namespace MiniGrad.Samples.Compare;

/// <summary>One recurrent network with its optimizer, trained once. The seed alone decides the first weights and training data.</summary>
internal sealed class RecurrentRun<T> : TrainingRun<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // An LSTM that starts from zeros and reads zeros, as the black rows above a digit, has products and cell states of variance 0, which
    // normalization's gradient divides by: over some steps it overflows. So all sequences start from small random hidden states, as in
    // Cooijmans et al. 2017, unless they carry their state on.
    private const double StartNoise = 0.1;

    private const int DryRunSteps = 3, DryRunTests = 1, MostTestCases = 256, MostProbedCases = 32;

    private readonly LstmSettings settings;
    private readonly IBackend<T> backend;
    private readonly Func<RecurrentLayer<T>> makeModel;
    private readonly SequenceTask<T> task, tests, probed;
    private readonly RecurrentLayer<T> model;
    private readonly Optimizer<T> optimizer;
    private readonly Tape<T> tape;
    private readonly CarriedState<T>? state;
    private readonly Philox noise;
    private T[] answers = [];

    public RecurrentRun(LstmSettings settings, IBackend<T> backend, string norm, int batchSize, ulong seed)
        : base(norm, batchSize, seed)
    {
        (this.settings, this.backend) = (settings, backend);
        // One stream of random numbers for the weights and one for the data, so that schemes with one seed see the same sequences in turn.
        task = settings.CreateTask<T>(batchSize, new Philox(seed, stream: 1));
        tests = settings.CreateTask<T>(settings.TestCases(MostTestCases), new Philox(0));
        probed = settings.CreateTask<T>(Math.Min(batchSize, MostProbedCases), new Philox(0));
        makeModel = () => settings.CreateModel(backend, norm, task.Inputs, task.Outputs, task.Steps, new Philox(seed, stream: 0));
        model = makeModel();
        optimizer = Choices.Optimizer(settings.Optimizer, model.Parameters, settings.LearningRate);
        tape = new Tape<T>(backend);
        noise = new Philox(seed, stream: 2);
        state = task.CarriesState ? new CarriedState<T>(model, backend, batchSize) : null;
    }

    public override int Epochs => settings.Epochs;

    public override int StepsPerEpoch => settings.DryRun ? DryRunSteps : settings.EpochSteps;

    protected override int ParameterCount => model.ParameterCount;

    public override void Dispose()
    {
        tape.Dispose();
        state?.Dispose();
        optimizer.Dispose();
        model.Dispose();
    }

    protected override void BeginEpoch()
    {
    }

    protected override (double Loss, int Cases) Step()
    {
        SequenceBatch<T> batch = task.NextTraining();
        Tensor<T> loss;
        using (backend.BeginStep())
        {
            loss = Loss(Answer(task, batch, state, noise, Phase.Training), task, batch);
            tape.Backward(loss);
            model.Parameters.ClipGradientNorm(settings.Clip);
            optimizer.Step();
            optimizer.ZeroGradients();
        }
        double value = settings.LossUnit * double.CreateChecked(loss.Item());
        tape.Reset();
        return (value, batch.Cases);
    }

    protected override (double Loss, double Error) Test()
    {
        double loss = 0, wrong = 0;
        long count = 0;
        using CarriedState<T>? carried = tests.CarriesState ? new CarriedState<T>(model, backend, settings.TestCases(MostTestCases)) : null;
        using (tape.Pause())
        {
            for (int i = 0; i < (settings.DryRun ? DryRunTests : tests.TestBatches); i++)
            {
                SequenceBatch<T> batch = tests.Test(i);
                Tensor<T> answer = Answer(tests, batch, carried, new Philox(0), Phase.Evaluation);
                int asked = tests.Answers * batch.Cases;
                loss += asked * double.CreateChecked(Loss(answer, tests, batch).Item());
                wrong += CountWrong(answer, batch);
                count += asked;
                tape.Reset();
            }
        }
        return (settings.LossUnit * loss / count, wrong / count);
    }

    /// <summary>Follows one batch of tests through the network, with the gradient of the last step's loss.</summary>
    protected override IEnumerable<Dynamics> Probe(string when)
    {
        // In a copy, since recurrent batch norm's statistics move when it trains.
        using RecurrentLayer<T> copy = makeModel();
        copy.CopyFrom(model);
        List<RecurrentStep<T>> trace = [];
        SequenceBatch<T> batch = probed.Test(0);
        Tensor<T> outputs = copy.Trace(tape.Constant(batch.X, batch.Shape), Start(batch.Cases, new Philox(0)), trace);
        Tensor<T> last = outputs.Slice(0, probed.Steps - 1, 1).Reshape(batch.Cases, probed.Outputs);
        int from = (probed.Answers - 1) * batch.Cases;
        tape.Backward(probed.AsksNumbers
            ? last.MeanSquaredError(tape.Constant(batch.Targets[from..], last.Shape))
            : last.SoftmaxCrossEntropy(batch.Labels[from..]));
        RecurrentStep<T>[] top = [.. trace.Skip((settings.Layers - 1) * probed.Steps)];
        Dynamics dynamics = new(
            when,
            // The loss is a mean over cases, so a case's own gradient is N times what is found; then the mean over cases of its square.
            [.. top.Select(step => Math.Sqrt(batch.Cases * step.Hidden.GradientToArray().Sum(Square)))],
            [.. top.Where(step => step.Gates.Count > 0).Select(Saturation)],
            [.. top.Select(step => RootMeanSquare(step.Hidden))],
            [.. top.Where(step => step.Cell is not null).Select(step => RootMeanSquare(step.Cell!.Value))]);
        tape.Reset();
        return [dynamics];
    }

    /// <summary>The scores in the steps that have answers, (answers N, outputs).</summary>
    private Tensor<T> Answer(SequenceTask<T> from, SequenceBatch<T> batch, CarriedState<T>? carried, Philox random, Phase phase)
    {
        Tensor<T> x = tape.Constant(batch.X, batch.Shape);
        if (batch.BeginsAnew)
        {
            carried?.Clear();
        }
        Span<RecurrentState<T>> states = carried is null ? Start(batch.Cases, random) : carried.Load(tape);
        Tensor<T> outputs = model.Forward(x, states, phase: phase);
        carried?.Save(states);
        return outputs.Slice(0, from.Steps - from.Answers, from.Answers).Reshape(from.Answers * batch.Cases, from.Outputs);
    }

    private RecurrentState<T>[] Start(int cases, Philox random)
    {
        RecurrentState<T>[] states = new RecurrentState<T>[settings.Layers];
        T[] hidden = new T[cases * settings.Hidden];
        for (int i = 0; i < states.Length; i++)
        {
            random.Normal<T>(hidden, 0, StartNoise);
            states[i] = new(tape.Constant(hidden, new Shape(cases, settings.Hidden)));
        }
        return states;
    }

    private Tensor<T> Loss(Tensor<T> answer, SequenceTask<T> of, SequenceBatch<T> batch) => of.AsksNumbers
        ? answer.MeanSquaredError(tape.Constant(batch.Targets, answer.Shape))
        : answer.SoftmaxCrossEntropy(batch.Labels);

    private int CountWrong(Tensor<T> answer, SequenceBatch<T> batch)
    {
        if (answers.Length < answer.Shape.ElementCount)
        {
            answers = new T[answer.Shape.ElementCount];
        }
        Span<T> given = answers.AsSpan(0, answer.Shape.ElementCount);
        answer.CopyTo(given);
        if (!tests.AsksNumbers)
        {
            return Accuracy.CountWrong<T>(given, batch.Labels);
        }
        int wrong = 0;
        for (int i = 0; i < given.Length; i++)
        {
            wrong += Math.Abs(double.CreateChecked(given[i] - batch.Targets[i])) <= AddingTask<T>.Allowed ? 0 : 1;
        }
        return wrong;
    }

    private static double Saturation(RecurrentStep<T> step)
    {
        const double Low = 0.1, High = 0.9;
        return step.Gates.Average(gate => gate.ToArray().Average(value => double.CreateChecked(value) is < Low or > High ? 1.0 : 0.0));
    }

    private static double RootMeanSquare(Tensor<T> tensor) => Math.Sqrt(tensor.ToArray().Average(Square));

    private static double Square(T value) => double.CreateChecked(value) * double.CreateChecked(value);
}
