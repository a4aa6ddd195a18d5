using System.Globalization;

namespace MiniGrad.Samples;

/// <summary>Prints one line per epoch and, if asked to, writes it to a CSV file.</summary>
public sealed class TrainingLog
{
    private readonly TextWriter output;
    private readonly string? csvPath;

    /// <summary>A log without epochs.</summary>
    /// <param name="output">Where lines are printed.</param>
    /// <param name="csvPath">The file; null for none. A file of that name is replaced.</param>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public TrainingLog(TextWriter output, string? csvPath)
    {
        this.output = output;
        this.csvPath = csvPath;
        WriteRow(File.WriteAllText, "epoch,step,trainLoss,testLoss,testError,seconds");
    }

    /// <summary>Writes an epoch.</summary>
    /// <param name="epoch">From 1.</param>
    /// <param name="step">Training steps so far.</param>
    /// <param name="trainLoss">The mean over the images of the epoch.</param>
    /// <param name="testLoss">The mean over the test images.</param>
    /// <param name="testError">The fraction of wrong answers on the test images.</param>
    /// <param name="seconds">Training time so far.</param>
    /// <exception cref="InputException">The file cannot be written any more; the line is printed.</exception>
    public void Write(int epoch, long step, double trainLoss, double testLoss, double testError, double seconds)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {epoch}  train loss {trainLoss:0.0000}  test loss {testLoss:0.0000}  test error {testError:0.00 %}  {seconds:0.0} s"));
        WriteRow(File.AppendAllText, string.Create(
            CultureInfo.InvariantCulture, $"{epoch},{step},{trainLoss:R},{testLoss:R},{testError:R},{seconds:0.####}"));
    }

    private void WriteRow(Action<string, string> write, string row)
    {
        try
        {
            if (csvPath is not null)
            {
                write(csvPath, row + "\n");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"--csv {csvPath}: cannot be written ({failure.Message.TrimEnd('.')}); name another file.");
        }
    }
}
