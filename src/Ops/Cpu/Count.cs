namespace MiniGrad.Ops.Cpu;

/// <summary>A number known to the JIT: each makes its own copy of a generic method, with loops unrolled and branches on it gone.</summary>
internal interface ICount
{
    static abstract int Value { get; }
}

/// <summary>The numbers from one to twelve, as types.</summary>
internal static class Count
{
    internal readonly struct One : ICount { public static int Value => 1; }

    internal readonly struct Two : ICount { public static int Value => 2; }

    internal readonly struct Three : ICount { public static int Value => 3; }

    internal readonly struct Four : ICount { public static int Value => 4; }

    internal readonly struct Five : ICount { public static int Value => 5; }

    internal readonly struct Six : ICount { public static int Value => 6; }

    internal readonly struct Seven : ICount { public static int Value => 7; }

    internal readonly struct Eight : ICount { public static int Value => 8; }

    internal readonly struct Nine : ICount { public static int Value => 9; }

    internal readonly struct Ten : ICount { public static int Value => 10; }

    internal readonly struct Eleven : ICount { public static int Value => 11; }

    internal readonly struct Twelve : ICount { public static int Value => 12; }
}
