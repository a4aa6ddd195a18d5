using System.Reflection;
using ScottPlot;
using SkiaSharp;

namespace MiniGrad.Samples.Compare.Report;

/// <summary>Gives pictures the embedded fonts, so that they have labels on a machine without fonts and look the same on all.</summary>
internal sealed class EmbeddedFonts : IFontResolver
{
    public const string Family = "DejaVu Sans";

    private static readonly Lazy<bool> Installed = new(() =>
    {
        ScottPlot.Fonts.FontResolvers.Insert(0, new EmbeddedFonts());
        ScottPlot.Fonts.Default = Family;
        ScottPlot.Fonts.Sans = Family;
        return true;
    });

    /// <summary>The regular face.</summary>
    public static SKTypeface Regular { get; } = Load("DejaVuSans-subset.ttf");

    /// <summary>The bold face.</summary>
    public static SKTypeface Bold { get; } = Load("DejaVuSans-Bold-subset.ttf");

    /// <summary>Makes them the default of every plot.</summary>
    public static void Install() => _ = Installed.Value;

    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
        fontName == Family ? weight >= FontWeight.SemiBold ? Bold : Regular : null;

    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Family ? bold ? Bold : Regular : null;

    private static SKTypeface Load(string resource)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!;
        return SKTypeface.FromStream(stream);
    }
}
