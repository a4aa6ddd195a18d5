using System.Numerics;

namespace MiniGrad.Training;

/// <summary>
/// Random numbers by Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): a cipher applied
/// to a counter.
/// </summary>
/// <remarks>
/// The n-th word of a stream is a function of seed, stream and n alone (<see cref="Block(ulong, ulong, ulong)"/>), so the whole state is
/// three numbers, any point of a stream is reached at once, and a kernel can make the numbers of its own elements in any order. Streams of
/// one seed do not overlap.
/// </remarks>
/// <param name="seed">The key of the cipher: another seed gives other numbers.</param>
/// <param name="stream">Which of the 2^64 independent sequences of this seed to draw from.</param>
public sealed class Philox(ulong seed, ulong stream = 0)
{
    private const int Rounds = 10, DoublesAtOnce = 256;
    private PhiloxState state = new(seed, stream, 0);
    private PhiloxWords block;
    private bool isBlockMade;

    /// <summary>Where the generator stands. Setting it continues exactly from there.</summary>
    public PhiloxState State
    {
        get => state;
        set => (state, isBlockMade) = (value, false);
    }

    /// <summary>
    /// The four words at <paramref name="counter"/>: ten rounds of multiply, swap and mix, with a key that changes every round.
    /// </summary>
    public static PhiloxWords Block(ulong key, PhiloxWords counter)
    {
        (uint c0, uint c1, uint c2, uint c3) = counter;
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong p0 = 0xD2511F53ul * c0, p1 = 0xCD9E8D57ul * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9; // The golden ratio, as a fraction of 2^32.
            k1 += 0xBB67AE85; // sqrt(3) - 1, likewise.
        }
        return new PhiloxWords(c0, c1, c2, c3);
    }

    /// <summary>
    /// Words 4 <paramref name="index"/> to 4 <paramref name="index"/> + 3 of a stream: what this class draws from, for kernels.
    /// </summary>
    public static PhiloxWords Block(ulong seed, ulong stream, ulong index) =>
        Block(seed, new PhiloxWords((uint)index, (uint)(index >> 32), (uint)stream, (uint)(stream >> 32)));

    /// <summary>
    /// Sets <paramref name="blocks"/> blocks aside for a kernel, which makes their words with <see cref="Block(ulong, ulong, ulong)"/>.
    /// </summary>
    /// <returns>The state whose <see cref="PhiloxState.BlockIndex"/> is the first of them.</returns>
    public PhiloxState ReserveBlocks(int blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(blocks);
        PhiloxState first = state with { Position = (state.Position + 3) / 4 * 4 };
        State = first with { Position = first.Position + (4 * (ulong)blocks) };
        return first;
    }

    /// <summary>32 random bits.</summary>
    public uint NextUInt32()
    {
        if (!isBlockMade || state.Position % 4 == 0)
        {
            block = Block(state.Seed, state.Stream, state.BlockIndex);
            isBlockMade = true;
        }
        uint word = block[(int)(state.Position % 4)];
        state = state with { Position = state.Position + 1 };
        return word;
    }

    /// <summary>A number from [0, 1), of 53 random bits: a multiple of 2^-53.</summary>
    public double NextDouble() => ToDouble(NextUInt32(), NextUInt32());

    /// <summary>An integer from 0 to <paramref name="exclusiveMax"/> - 1, each exactly as likely.</summary>
    /// <remarks>
    /// The high half of word times max is nearly uniform; the few words that make some results likelier are drawn again (Lemire 2019).
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="exclusiveMax"/> is below 1.</exception>
    public int NextInt32(int exclusiveMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(exclusiveMax, 1);
        uint range = (uint)exclusiveMax, surplus = (0 - range) % range; // 2^32 modulo the range
        ulong product;
        do
        {
            product = (ulong)NextUInt32() * range;
        }
        while ((uint)product < surplus);
        return (int)(product >> 32);
    }

    /// <summary>
    /// Fills a span with numbers from [low, high). They are drawn as doubles, so every type gets the same numbers, up to rounding.
    /// </summary>
    /// <exception cref="ArgumentException"><paramref name="low"/> is not below <paramref name="high"/>, or one is not finite.</exception>
    public void Uniform<T>(Span<T> destination, double low = 0, double high = 1)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (!(low < high) || !double.IsFinite(high - low))
        {
            throw new ArgumentException($"Uniform: the range [{low}, {high}) is empty or not finite.");
        }
        T end = T.CreateChecked(high);
        Span<double> uniform = stackalloc double[DoublesAtOnce];
        for (; destination.Length > 0; destination = destination[uniform.Length..])
        {
            uniform = uniform[..Math.Min(uniform.Length, destination.Length)];
            Fill(uniform);
            for (int i = 0; i < uniform.Length; i++)
            {
                T drawn = T.CreateChecked(low + ((high - low) * uniform[i]));
                destination[i] = drawn < end ? drawn : T.BitDecrement(end); // Rounding may reach the end, which is excluded.
            }
        }
    }

    /// <summary>Fills a span with numbers from a normal distribution, by Box and Muller's method: two numbers from two.</summary>
    /// <remarks>
    /// Drawn as doubles, like <see cref="Uniform"/>. An odd last number leaves its twin unused, so no state is kept beside
    /// <see cref="State"/>.
    /// </remarks>
    /// <exception cref="ArgumentException"><paramref name="standardDeviation"/> is negative, or an argument is not finite.</exception>
    public void Normal<T>(Span<T> destination, double mean = 0, double standardDeviation = 1)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (!double.IsFinite(mean) || !double.IsFinite(standardDeviation) || standardDeviation < 0)
        {
            throw new ArgumentException(
                $"Normal: mean {mean} and standard deviation {standardDeviation} must be finite, the latter not negative.");
        }
        Span<double> uniform = stackalloc double[DoublesAtOnce];
        for (int start = 0; start < destination.Length; start += uniform.Length)
        {
            uniform = uniform[..Math.Min(uniform.Length, (destination.Length - start + 1) / 2 * 2)];
            Fill(uniform);
            for (int i = 0; i < uniform.Length; i += 2)
            {
                // A point of the plane: its squared radius is exponential, its angle uniform. 1 - u is in (0, 1], where the logarithm is
                // finite.
                double radius = standardDeviation * Math.Sqrt(-2 * Math.Log(1 - uniform[i]));
                (double sin, double cos) = Math.SinCos(2 * Math.PI * uniform[i + 1]);
                destination[start + i] = T.CreateChecked(mean + (radius * cos));
                if (start + i + 1 < destination.Length)
                {
                    destination[start + i + 1] = T.CreateChecked(mean + (radius * sin));
                }
            }
        }
    }

    /// <summary>Puts the items in a random order, every order equally likely (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int last = items.Length - 1; last > 0; last--)
        {
            int other = NextInt32(last + 1);
            (items[last], items[other]) = (items[other], items[last]);
        }
    }

    private static double ToDouble(uint high, uint low) => ((((ulong)high << 32) | low) >> 11) * (1.0 / (1ul << 53));

    /// <summary>
    /// The next numbers that <see cref="NextDouble"/> would return: two from a block, and the processor works on several blocks at a time
    /// if no words are counted between them.
    /// </summary>
    private void Fill(Span<double> numbers)
    {
        int i = 0;
        for (; i < numbers.Length && state.Position % 4 != 0; i++)
        {
            numbers[i] = NextDouble();
        }
        int first = i;
        ulong index = state.BlockIndex;
        for (; i <= numbers.Length - 2; i += 2)
        {
            (uint w0, uint w1, uint w2, uint w3) = Block(state.Seed, state.Stream, index++);
            numbers[i] = ToDouble(w0, w1);
            numbers[i + 1] = ToDouble(w2, w3);
        }
        state = state with { Position = state.Position + (2 * (ulong)(i - first)) };
        for (; i < numbers.Length; i++)
        {
            numbers[i] = NextDouble();
        }
    }
}

/// <summary>The whole state of a <see cref="Philox"/>, as data to save.</summary>
/// <param name="Seed">The key.</param>
/// <param name="Stream">Which sequence of this seed.</param>
/// <param name="Position">How many 32-bit words were drawn.</param>
public readonly record struct PhiloxState(ulong Seed, ulong Stream, ulong Position)
{
    /// <summary>Which block of four words the next word is in.</summary>
    public ulong BlockIndex => Position / 4;
}

/// <summary>128 bits, as the cipher takes and gives them.</summary>
/// <param name="W0">The first word.</param>
/// <param name="W1">The second word.</param>
/// <param name="W2">The third word.</param>
/// <param name="W3">The fourth word.</param>
public readonly record struct PhiloxWords(uint W0, uint W1, uint W2, uint W3)
{
    /// <summary>Word 0 to 3.</summary>
    public uint this[int index] => index switch
    {
        0 => W0,
        1 => W1,
        2 => W2,
        3 => W3,
        _ => throw new ArgumentOutOfRangeException(nameof(index), index, "A block has words 0 to 3."),
    };
}
