using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using CommandLine;
using CommandLine.Text;

namespace MiniGrad.Samples;

/// <summary>
/// What every sample does around its work: reads the command line, stops on Ctrl-C, and ends in one line when something is wrong.
/// </summary>
public static class SampleHost
{
    /// <summary>Runs the sample's work and turns every failure into one line and exit code 1, never a stack trace.</summary>
    /// <param name="error">Where the line goes.</param>
    /// <param name="body">Returns the exit code.</param>
    public static int Run(TextWriter error, Func<int> body)
    {
        try
        {
            return body();
        }
        catch (InputException refusal)
        {
            error.WriteLine("error: " + OneLine(refusal.Message));
        }
#pragma warning disable CA1031 // The last stop before the user: whatever it is, they get a line and not a trace.
        catch (Exception failure)
        {
            error.WriteLine($"error: {failure.GetType().Name}: {OneLine(failure.Message)}");
        }
#pragma warning restore CA1031
        return 1;
    }

    /// <summary>The options in <paramref name="args"/>; null when help or the version was asked for and printed.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="output">Where help goes.</param>
    /// <param name="footer">What help ends with.</param>
    /// <exception cref="InputException">The command line is wrong.</exception>
    public static TOptions? Parse<TOptions>(string[] args, TextWriter output, string footer)
        where TOptions : class
    {
        RequireValues(args, typeof(TOptions));
        using Parser parser = NewParser();
        return OptionsOrHelp(parser.ParseArguments<TOptions>(args), output, footer);
    }

    /// <summary>The options of the verb that <paramref name="args"/> begins with, one type for each verb.</summary>
    /// <inheritdoc cref="Parse"/>
    public static object? ParseVerb(string[] args, TextWriter output, string footer, params Type[] verbs)
    {
        if (args is ["help", var about, ..])
        {
            args = [about, "--help"];
        }
        if (args is [var name, ..] && name is not ("help" or "--help" or "version" or "--version"))
        {
            string[] names = [.. verbs.Select(verb => verb.GetCustomAttribute<VerbAttribute>()!.Name)];
            int chosen = names.IndexOf(name);
            if (chosen < 0)
            {
                throw new InputException($"'{name}': is no command; must be one of {string.Join(", ", names)}. See --help.");
            }
            RequireValues(args.AsSpan(1), verbs[chosen]);
        }
        using Parser parser = NewParser();
        return OptionsOrHelp(parser.ParseArguments(args, verbs), output, footer);
    }

    /// <summary>Cancels <paramref name="stop"/> on the first Ctrl-C or termination signal; the second ends the process as usual.</summary>
    public static IDisposable StopOnCtrlC(CancellationTokenSource stop)
    {
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }
        return new Registrations(
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop));
    }

    private static Parser NewParser() => new(settings =>
    {
        settings.HelpWriter = null;
        settings.ParsingCulture = CultureInfo.InvariantCulture;
    });

    /// <summary>
    /// Refuses an unknown option, a value that is no number where one is needed, and what the parser would pass over: a word that belongs
    /// to no option, an option without its value, a switch with one, and 0,1 for 0.1, which it reads as 1.
    /// </summary>
    private static void RequireValues(ReadOnlySpan<string> args, Type options)
    {
        Dictionary<string, Type> types = options.GetProperties().ToDictionary(
            property => "--" + property.GetCustomAttribute<OptionAttribute>()!.LongName,
            property => Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType);
        types["--help"] = types["--version"] = typeof(bool);
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                throw new InputException($"'{args[i]}': belongs to no option. See --help.");
            }
            int equals = args[i].IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? args[i] : args[i][..equals];
            if (!types.TryGetValue(name, out Type? type))
            {
                throw new InputException($"{args[i]}: is no option. See --help.");
            }
            string? value = equals >= 0 ? args[i][(equals + 1)..] : null;
            if (type != typeof(bool))
            {
                value ??= i + 1 < args.Length && !types.ContainsKey(args[i + 1]) ? args[++i] : "";
                RequireReadable(name, value, type);
            }
            else if (value is not null)
            {
                throw new InputException($"{args[i]}: {name} takes no value. See --help.");
            }
        }
    }

    private static void RequireReadable(string name, string value, Type type)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        string? right = type switch
        {
            _ when value.Length == 0 => throw new InputException($"{name}: needs a value. See --help."),
            _ when type == typeof(int) && !int.TryParse(value, NumberStyles.Integer, culture, out _) =>
                $"a whole number up to {int.MaxValue}",
            _ when type == typeof(ulong) && !ulong.TryParse(value, NumberStyles.Integer, culture, out _) =>
                $"a whole number from 0 to {ulong.MaxValue}",
            _ when type == typeof(double) && !double.TryParse(value, NumberStyles.Float, culture, out _) => "a number such as 0.001",
            _ => null,
        };
        if (right is not null)
        {
            throw new InputException($"{name} {value}: must be {right}. See --help.");
        }
    }

    private static TOptions? OptionsOrHelp<TOptions>(ParserResult<TOptions> result, TextWriter output, string footer)
        where TOptions : class
    {
        if (result is Parsed<TOptions> parsed)
        {
            return parsed.Value;
        }
        Error[] errors = [.. result.Errors];
        bool version = errors.Any(e => e.Tag == ErrorType.VersionRequestedError);
        if (version || errors.Any(e => e.Tag is ErrorType.HelpRequestedError or ErrorType.HelpVerbRequestedError))
        {
            output.WriteLine(version ? HelpText.AutoBuild(result, 100).ToString() : Help(result, footer));
            return null;
        }
        SentenceBuilder sentences = SentenceBuilder.Create();
        throw new InputException($"{string.Join(' ', errors.Select(sentences.FormatError))} See --help.");
    }

    private static string Help<TOptions>(ParserResult<TOptions> result, string footer) => HelpText.AutoBuild(
        result,
        help =>
        {
            help.Copyright = string.Empty;
            help.AdditionalNewLineAfterOption = false;
            help.AddDashesToOption = true; // The library takes it back where it lists verbs.
            return help.AddPostOptionsLine(footer);
        },
        example => example,
        verbsIndex: true,
        maxDisplayWidth: 120).ToString();

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");

    private sealed class Registrations(params IDisposable[] signals) : IDisposable
    {
        public void Dispose()
        {
            foreach (IDisposable signal in signals)
            {
                signal.Dispose();
            }
        }
    }
}
