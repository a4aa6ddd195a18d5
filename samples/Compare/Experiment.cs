using System.Collections.Concurrent;
using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Cuda;

namespace MiniGrad.Samples.Compare;

/// <summary>Trains all networks of a comparison, several side by side. Results do not depend on how many.</summary>
/// <param name="settings">What is compared.</param>
/// <param name="backends">Where it runs: one for each network that trains at a time.</param>
/// <param name="display">Is told how it gets on.</param>
/// <param name="stop">Ends the runs in progress after their current step.</param>
internal sealed class Experiment<T>(
    ComparisonSettings settings, IReadOnlyList<IBackend<T>> backends, IProgressDisplay display, CancellationToken stop)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>
    /// Trains a small network of each scheme at each batch size for some steps, so that no clock times the compiler.
    /// </summary>
    public void WarmUp() => ForEach(Schedule.InOrder(settings).Take(settings.Norms.Count * settings.BatchSizes.Count), (backend, job) =>
    {
        using TrainingRun<T> run = settings.ForWarmUp(job.BatchSize).CreateRun(backend, job.Norm, job.BatchSize, seed: 0);
        run.Train(null, stop);
    });

    /// <summary>Trains and tests every network; the results are in the order of the plan, whoever came first.</summary>
    /// <param name="whenIdle">What the first thread without a network left does with the results so far, while others still train.</param>
    public IReadOnlyList<RunResult> Run(Action<IReadOnlyList<RunResult>> whenIdle)
    {
        RunResult?[] results = new RunResult?[settings.RunCount];
        ForEach(
            Schedule.InOrder(settings), (backend, job) => results[job.Place] = Run(backend, job),
            () => whenIdle([.. results.OfType<RunResult>()]));
        return [.. results.OfType<RunResult>()];
    }

    private RunResult Run(IBackend<T> backend, Job job)
    {
        string seedText = settings.Seeds.Count > 1 ? $" seed {job.Seed}" : "";
        using TrainingRun<T> run = settings.CreateRun(backend, job.Norm, job.BatchSize, job.Seed);
        IRunObserver observer = display.Begin($"{job.Norm} batch {job.BatchSize}{seedText}", (long)run.Epochs * run.StepsPerEpoch);
        long launches = CudaBackend.GraphLaunches(backend) ?? 0;
        RunResult result = run.Train(observer, stop);
        result = result with { GraphSteps = (CudaBackend.GraphLaunches(backend) ?? 0) - launches };
        observer.End(result);
        return result;
    }

    /// <summary>Does the jobs on all backends, each on a thread of its own that takes the next job when it is done with one.</summary>
    private void ForEach(IEnumerable<Job> jobs, Action<IBackend<T>, Job> work, Action? whenIdle = null)
    {
        ConcurrentQueue<Job> queue = new(jobs);
        int idle = 0;
        void Work(IBackend<T> backend)
        {
            try
            {
                while (!stop.IsCancellationRequested && queue.TryDequeue(out Job? job))
                {
                    work(backend, job);
                }
                if (Interlocked.Increment(ref idle) == 1 && backends.Count > 1 && !stop.IsCancellationRequested)
                {
                    whenIdle?.Invoke();
                }
            }
            catch
            {
                queue.Clear(); // The others finish what they are at, and begin nothing more.
                throw;
            }
        }
        Task[] threads = [.. backends.Select(backend => Task.Factory.StartNew(
            () => Work(backend), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WhenAll(threads).GetAwaiter().GetResult();
    }
}
