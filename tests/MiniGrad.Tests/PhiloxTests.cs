using MiniGrad.Training;

namespace MiniGrad.Tests;

public class PhiloxTests
{
    // From the file kat_vectors of Random123, by the authors of the paper.
    [Theory]
    [InlineData(0x00000000_00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)]
    [InlineData(0xffffffff_ffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd)]
    [InlineData(0x299f31d0_a4093822, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1)]
    public void Blocks_are_the_published_ones(ulong key, uint c0, uint c1, uint c2, uint c3, uint w0, uint w1, uint w2, uint w3) =>
        Assert.Equal(new PhiloxWords(w0, w1, w2, w3), Philox.Block(key, new PhiloxWords(c0, c1, c2, c3)));

    [Fact]
    public void The_words_of_a_stream_are_its_blocks_in_order()
    {
        Philox random = new(7, 9);
        uint[] drawn = [.. Enumerable.Range(0, 10).Select(_ => random.NextUInt32())];
        uint[] expected = [.. Enumerable.Range(0, 10).Select(i => Philox.Block(7, 9, (ulong)i / 4)[i % 4])];
        Assert.Equal(expected, drawn);
        Assert.Equal(new PhiloxState(7, 9, 10), random.State);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(7)]
    public void A_saved_state_continues_exactly(int drawnBefore)
    {
        Philox random = new(3, 1), other = new(99);
        for (int i = 0; i < drawnBefore; i++)
        {
            random.NextUInt32();
        }
        PhiloxState saved = random.State;
        double[] first = new double[9], second = new double[9];
        random.Normal<double>(first);
        other.NextUInt32();
        other.State = saved;
        other.Normal<double>(second);
        Assert.Equal(first, second);
        Assert.Equal(random.State, other.State);
    }

    [Theory]
    [InlineData(0, 700)]
    [InlineData(0, 257)]
    [InlineData(1, 300)]
    [InlineData(2, 513)]
    [InlineData(3, 9)]
    public void Spans_are_filled_with_the_numbers_drawn_one_by_one(int wordsBefore, int length)
    {
        Philox spans = new(17, 4), single = new(17, 4);
        for (int i = 0; i < wordsBefore; i++)
        {
            Assert.Equal(single.NextUInt32(), spans.NextUInt32());
        }
        double[] uniform = new double[length], normal = new double[length];
        spans.Uniform<double>(uniform, -2, 3);
        spans.Normal<double>(normal, 1, 2);
        Assert.All(uniform, value => Assert.Equal(-2 + (5 * single.NextDouble()), value));
        for (int i = 0; i < length; i += 2)
        {
            double radius = 2 * Math.Sqrt(-2 * Math.Log(1 - single.NextDouble()));
            (double sin, double cos) = Math.SinCos(2 * Math.PI * single.NextDouble());
            Assert.Equal(1 + (radius * cos), normal[i]);
            Assert.True(i + 1 == length || normal[i + 1] == 1 + (radius * sin));
        }
        Assert.Equal(single.State, spans.State);
        Assert.Equal(single.NextUInt32(), spans.NextUInt32());
    }

    [Fact]
    public void Reserved_blocks_are_drawn_by_nobody_else()
    {
        Philox random = new(5);
        random.NextUInt32();
        PhiloxState reserved = random.ReserveBlocks(2);
        Assert.Equal(1ul, reserved.BlockIndex);
        Assert.Equal(Philox.Block(5, 0, 3).W0, random.NextUInt32());
    }

    [Fact]
    public void Seeds_and_streams_give_different_numbers()
    {
        HashSet<uint> firsts = [];
        for (ulong seed = 0; seed < 10; seed++)
        {
            for (ulong stream = 0; stream < 10; stream++)
            {
                firsts.Add(new Philox(seed, stream).NextUInt32());
            }
        }
        Assert.Equal(100, firsts.Count);
    }

    [Fact]
    public void Uniform_numbers_have_the_moments_and_bounds_of_their_range()
    {
        double[] values = new double[200_000];
        new Philox(11).Uniform<double>(values, -1, 3);
        Assert.All(values, value => Assert.InRange(value, -1, Math.BitDecrement(3.0)));
        // Five standard errors: the deviation of the mean is sqrt(16/12/n), of the variance about sqrt((256/80 - (16/12)^2)/n).
        Assert.Equal(1, values.Average(), 5 * Math.Sqrt(16.0 / 12 / values.Length));
        Assert.Equal(16.0 / 12, values.Average(value => (value - 1) * (value - 1)), 5 * Math.Sqrt((3.2 - (16.0 / 9)) / values.Length));
    }

    [Fact]
    public void Normal_numbers_have_the_moments_and_tails_of_the_distribution()
    {
        double[] values = new double[200_000];
        new Philox(12).Normal<double>(values, 2, 3);
        double[] z = [.. values.Select(value => (value - 2) / 3)];
        double n = z.Length;
        Assert.Equal(0, z.Average(), 5 / Math.Sqrt(n));
        Assert.Equal(1, z.Average(v => v * v), 5 * Math.Sqrt(2 / n));
        Assert.Equal(0, z.Average(v => v * v * v), 5 * Math.Sqrt(15 / n));
        Assert.Equal(3, z.Average(v => v * v * v * v), 5 * Math.Sqrt(96 / n));
        Assert.Equal(0.15729920705028513, z.Count(v => Math.Abs(v) > Math.Sqrt(2)) / n, 5 * Math.Sqrt(0.16 * 0.84 / n)); // erfc(1)
        Assert.Equal(0, z.Zip(z.Skip(1), (a, b) => a * b).Average(), 5 / Math.Sqrt(n)); // The twins are independent.
    }

    [Fact]
    public void Floats_are_the_doubles_rounded_and_stay_below_the_bound()
    {
        float[] floats = new float[1001], tight = new float[1001];
        double[] doubles = new double[1001];
        new Philox(4).Normal<float>(floats);
        new Philox(4).Normal<double>(doubles);
        Assert.Equal(doubles.Select(value => (float)value), floats);
        new Philox(4).Uniform<float>(tight, 1, 1 + 1e-7);
        Assert.All(tight, value => Assert.Equal(1f, value));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(10)]
    public void Integers_are_equally_likely(int max)
    {
        Philox random = new(21);
        int[] counts = new int[max];
        const int Draws = 60_000;
        for (int i = 0; i < Draws; i++)
        {
            counts[random.NextInt32(max)]++;
        }
        double p = 1.0 / max;
        Assert.All(counts, count => Assert.Equal(Draws * p, count, 5 * Math.Sqrt(Draws * p * (1 - p)) + 1e-9));
    }

    // 2^32 words are 2 2/3 for each number of this range: without rejection some would get two and others three, by their remainder modulo
    // 3.
    [Fact]
    public void Integers_of_a_range_that_does_not_divide_the_words_are_not_biased()
    {
        Philox random = new(22);
        const int Max = 3 << 29, Draws = 60_000;
        int[] thirds = new int[3];
        for (int i = 0; i < Draws; i++)
        {
            thirds[random.NextInt32(Max) % 3]++;
        }
        Assert.True(random.State.Position > 1.2 * Draws, "words were drawn again");
        Assert.All(thirds, count => Assert.Equal(Draws / 3.0, count, 5 * Math.Sqrt(Draws * 2 / 9.0)));
    }

    [Fact]
    public void Every_order_is_equally_likely()
    {
        Philox random = new(23);
        Dictionary<string, int> counts = [];
        const int Draws = 24_000;
        for (int i = 0; i < Draws; i++)
        {
            char[] items = [.. "abcd"];
            random.Shuffle<char>(items);
            string order = new(items);
            counts[order] = counts.GetValueOrDefault(order) + 1;
        }
        Assert.Equal(24, counts.Count);
        Assert.All(counts.Values, count => Assert.Equal(1000, count, 5 * Math.Sqrt(1000)));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        Philox random = new(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt32(0));
        Assert.Throws<ArgumentException>(() => random.Uniform<float>(new float[1], 1, 1));
        Assert.Throws<ArgumentException>(() => random.Uniform<float>(new float[1], double.NaN, 1));
        Assert.Throws<ArgumentException>(() => random.Normal<float>(new float[1], 0, -1));
    }
}
