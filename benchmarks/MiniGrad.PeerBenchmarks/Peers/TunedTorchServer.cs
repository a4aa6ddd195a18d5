using System.Globalization;
using System.Runtime.InteropServices;

namespace MiniGrad.PeerBenchmarks;

/// <summary>The child's side of <see cref="TunedTorch"/>.</summary>
internal static partial class TunedTorchServer
{
    private const double WarmUpMilliseconds = 100;

    // <malloc.h>
    private const int TrimThreshold = -1;
    private const int MmapMax = -4;

    /// <summary>Answers until the input ends.</summary>
    public static void Run()
    {
        // malloc never maps a block of its own and never gives memory back.
        _ = MallOpt(MmapMax, 0);
        _ = MallOpt(TrimThreshold, int.MaxValue);
        Contestant? contestant = null;
        while (Console.ReadLine() is { } line)
        {
            string[] words = line.Split(' ');
            switch (words[0])
            {
                case "case":
                    contestant = Enter(words[1], out string answer);
                    Console.WriteLine(answer);
                    break;
                case "turn":
                    IReadOnlyList<double> samples = contestant!.TakeTurn(double.Parse(words[1], CultureInfo.InvariantCulture));
                    Console.WriteLine(string.Join(' ', samples.Select(sample => sample.ToString("G6", CultureInfo.InvariantCulture))));
                    break;
                default:
                    contestant?.Dispose();
                    contestant = null;
                    Console.WriteLine("done");
                    break;
            }
        }
    }

    private static Contestant? Enter(string name, out string answer)
    {
        PeerCase peerCase = Groups.Cases([]).First(candidate => candidate.Name == name);
        Contestant contestant = peerCase.Torch()!;
        try
        {
            contestant.Verify();
            contestant.WarmUp(WarmUpMilliseconds);
            answer = "ready";
            return contestant;
        }
        catch (WrongResultException e)
        {
            contestant.Dispose();
            answer = e.Message.ReplaceLineEndings(" ");
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
