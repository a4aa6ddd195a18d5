using System.Globalization;

namespace MiniGrad.Samples;

/// <summary>Prints one line per epoch and, if asked to, writes it to a CSV file.</summary>
/// <param name="output">Where lines are printed.</param>
/// <param name="csvPath">The file; null for none. A file of that name is replaced.</param>
/// <exception cref="InputException">The file cannot be written.</exception>
public sealed class TrainingLog(TextWriter output, string? csvPath) : IDisposable
{
    private readonly StreamWriter? csv = csvPath is null ? null : Open(csvPath);

    /// <summary>Writes an epoch.</summary>
    /// <param name="epoch">From 1.</param>
    /// <param name="step">Training steps so far.</param>
    /// <param name="trainLoss">The mean over the images of the epoch.</param>
    /// <param name="testLoss">The mean over the test images.</param>
    /// <param name="testError">The fraction of wrong answers on the test images.</param>
    /// <param name="seconds">Training time so far.</param>
    public void Write(int epoch, long step, double trainLoss, double testLoss, double testError, double seconds)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {epoch}  train loss {trainLoss:0.0000}  test loss {testLoss:0.0000}  test error {testError:0.00 %}  {seconds:0.0} s"));
        csv?.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{epoch},{step},{trainLoss:R},{testLoss:R},{testError:R},{seconds:0.####}"));
        csv?.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => csv?.Dispose();

    private static StreamWriter Open(string path)
    {
        try
        {
            StreamWriter writer = new(path) { NewLine = "\n" };
            writer.WriteLine("epoch,step,trainLoss,testLoss,testError,seconds");
            return writer;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"--csv {path}: cannot be written ({failure.Message.TrimEnd('.')}); name another file.");
        }
    }
}
