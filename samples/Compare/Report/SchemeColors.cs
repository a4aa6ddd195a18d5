namespace MiniGrad.Samples.Compare.Report;

/// <summary>One color for each scheme in every picture, most of them distinct for color-blind readers too (after Okabe and Ito).</summary>
internal static class SchemeColors
{
    public static string Of(string norm) => norm switch
    {
        "none" => "#4d4d4d",
        "batch" => "#d55e00",
        "layer" => "#0072b2",
        "weight" => "#009e73",
        "rms" => "#cc5fa0",
        "group" => "#56b4e9",
        "batch-unbiased" => "#8c2d04",
        "layer-simple" => "#7b4fa3",
        "layer-detached-mean" => "#b8860b",
        "layer-detached-rstd" => "#17becf",
        "layer-detached" => "#8c564b",
        _ => "#000000",
    };
}
