using CsCheck;
using MiniGrad.Backends;

namespace MiniGrad.Tests;

public class BufferPoolTests
{
    private static readonly Gen<(int Bytes, int Pick)[]> Rentals = Gen.Select(Gen.Int[1, 5000], Gen.Int[0, 9]).Array[1, 200];

    [Fact]
    public void A_returned_block_is_used_again()
    {
        Allocator allocator = new();
        using BufferPool pool = new(allocator);
        DeviceBlock first = pool.Rent(1000);
        pool.Return(first);
        Assert.Same(first, pool.Rent(1000));
        Assert.NotSame(first, pool.Rent(1000));
        Assert.Equal(2, allocator.Live.Count);
        Assert.Equal(2, pool.Outstanding);
    }

    [Fact]
    public void A_block_holds_what_was_asked_for_and_little_more() => Gen.Long[0, 1L << 34].Sample(bytes =>
    {
        using BufferPool pool = new(new Allocator());
        DeviceBlock block = pool.Rent(bytes);
        Assert.InRange(block.Capacity, Math.Max(bytes, 64), Math.Max(64, (bytes * 5 / 4) + 1));
        pool.Return(block);
        Assert.Same(block, pool.Rent(block.Capacity));
    });

    [Fact]
    public void Renting_and_returning_in_any_order_never_shares_memory() => Rentals.Sample(steps =>
    {
        Allocator allocator = new();
        using BufferPool pool = new(allocator);
        List<DeviceBlock> rented = [];
        foreach ((int bytes, int pick) in steps)
        {
            if (pick < 5 || rented.Count == 0)
            {
                rented.Add(pool.Rent(bytes));
            }
            else
            {
                pool.Return(rented[pick % rented.Count]);
                rented.RemoveAt(pick % rented.Count);
            }
            Assert.Equal(rented.Count, pool.Outstanding);
            Assert.Equal(rented.Count, rented.Distinct().Count());
            Assert.Equal(pool.BytesReserved, allocator.Live.Values.Sum());
        }
    });

    [Fact]
    public void A_block_is_returned_once()
    {
        using BufferPool pool = new(new Allocator());
        DeviceBlock block = pool.Rent(100);
        pool.Return(block);
        Assert.Contains("twice", Assert.Throws<InvalidOperationException>(() => pool.Return(block)).Message);
        Assert.Equal(0, pool.Outstanding);
    }

    [Fact]
    public void Tangents_have_room_behind_the_block()
    {
        Allocator allocator = new();
        using BufferPool pool = new(allocator, withTangents: true);
        DeviceBlock block = pool.Rent(100);
        Assert.Equal(2 * block.Capacity, allocator.Live.Values.Single());
        Assert.Equal(block.Capacity, block.View<double>(3).TangentDistance * sizeof(double));
    }

    [Fact]
    public void Disposing_frees_everything_and_ends_renting()
    {
        Allocator allocator = new();
        BufferPool pool = new(allocator);
        DeviceBlock kept = pool.Rent(100);
        pool.Return(pool.Rent(5000));
        pool.Dispose();
        pool.Dispose();
        Assert.Empty(allocator.Live);
        Assert.Equal(0, pool.BytesReserved);
        Assert.Contains("disposed", Assert.Throws<ObjectDisposedException>(() => pool.Rent(1)).Message);
        pool.Return(kept); // A tape disposed after its backend.
        Assert.Equal(0, pool.Outstanding);
    }

    [Fact]
    public void Scratch_is_returned_when_it_ends()
    {
        using BufferPool pool = new(new Allocator());
        using (Scratch<float> scratch = pool.RentScratch<float>(10))
        {
            Assert.Equal(10, scratch.Buffer.Length);
            Assert.Equal(1, pool.Outstanding);
        }
        Assert.Equal(0, pool.Outstanding);
    }

    [Fact]
    public void A_view_stays_within_its_block()
    {
        using BufferPool pool = new(new Allocator());
        DeviceBlock block = pool.Rent(64);
        DeviceBuffer<float> buffer = block.View<float>(16);
        Assert.Equal(buffer.Address + 12, buffer.Slice(3, 13).Address);
        Assert.Throws<ArgumentOutOfRangeException>(() => block.View<float>(17));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(3, 14));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(-1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(int.MaxValue, int.MaxValue));
    }

    [Fact]
    public void A_sorted_pool_gives_the_same_blocks_whatever_the_order_of_returns()
    {
        using BufferPool pool = new(new Allocator());
        DeviceBlock[] first = [pool.Rent(100), pool.Rent(100), pool.Rent(100)];
        foreach (int[] order in new int[][] { [0, 1, 2], [2, 0, 1], [1, 2, 0] })
        {
            Array.ForEach(order, i => pool.Return(first[i]));
            pool.Sort();
            DeviceBlock[] again = [pool.Rent(100), pool.Rent(100), pool.Rent(100)];
            Assert.Equal([first[2], first[1], first[0]], again);
        }
    }

    [Fact]
    public void Trimming_gives_back_the_blocks_that_nobody_has()
    {
        Allocator allocator = new();
        using BufferPool pool = new(allocator);
        DeviceBlock kept = pool.Rent(100);
        pool.Return(pool.Rent(1000));
        pool.Trim();
        Assert.Equal([kept.Address], allocator.Live.Keys);
        Assert.Equal(kept.Capacity, pool.BytesReserved);
        pool.Return(kept);
        Assert.Same(kept, pool.Rent(100));
    }

    [Fact]
    public void Memory_that_is_kept_for_other_sizes_is_given_back_before_the_pool_gives_up()
    {
        Allocator allocator = new() { Limit = 3000 };
        using BufferPool pool = new(allocator);
        pool.Return(pool.Rent(2048));
        Assert.Equal(2560, pool.Rent(2500).Capacity);
        Assert.Throws<InsufficientMemoryException>(() => pool.Rent(1024));
        Assert.Equal(2560, pool.BytesReserved);
    }

    /// <summary>Hands out addresses that nobody follows, and knows which are live.</summary>
    private sealed class Allocator : IDeviceAllocator
    {
        private nint next = 4096;

        public Dictionary<nint, long> Live { get; } = [];

        public long Limit { get; init; } = long.MaxValue;

        public nint Allocate(long bytes)
        {
            if (Live.Values.Sum() + bytes > Limit)
            {
                throw new InsufficientMemoryException();
            }
            nint address = next;
            next += (nint)bytes;
            Live.Add(address, bytes);
            return address;
        }

        public void Free(nint address, long bytes)
        {
            Assert.Equal(bytes, Live[address]);
            Live.Remove(address);
        }

        public void Poison(nint address, long bytes) => Assert.Equal(bytes, Live[address]);
    }
}
