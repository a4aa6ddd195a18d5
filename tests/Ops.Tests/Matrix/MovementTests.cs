using CsCheck;
using MiniGrad.Backends;
using MiniGrad.Ops.Cpu;

namespace MiniGrad.Ops.Tests;

/// <summary>Reshape, transpose, slice, concat, stack, gather and broadcast: the ops that only move elements.</summary>
public sealed class MovementTests : IDisposable
{
    private static readonly Gen<int[]> SmallShape = Gen.Int[1, 5].Array[1, 4];

    private readonly IBackend<double> backend = CpuBackend.Create<double>(2);
    private readonly Tape<double> tape;

    public MovementTests() => tape = new Tape<double>(backend);

    public void Dispose()
    {
        tape.Dispose();
        backend.Dispose();
    }

    [Fact]
    public void Reshape_shares_memory_and_infers_one_extent()
    {
        Tensor<double> x = Numbered(2, 6), y = x.Reshape(-1, 4);
        Assert.Equal(new Shape(3, 4), y.Shape);
        Assert.Equal(x.Value.Address, y.Value.Address);
    }

    [Theory]
    [InlineData(new[] { 5 }, "(2, 6) has 12 elements and (5,) has 5")]
    [InlineData(new[] { -1, 5 }, "cannot be inferred")]
    [InlineData(new[] { -1, -1 }, "cannot be inferred")]
    [InlineData(new[] { 12, 0, -1 }, "cannot be inferred")]
    public void Reshape_to_another_number_of_elements_is_an_error(int[] extents, string message)
    {
        Tensor<double> x = Numbered(2, 6);
        AssertError(message, () => x.Reshape(extents));
    }

    [Fact]
    public void Permute_puts_every_element_where_its_permuted_index_says() =>
        Gen.Select(SmallShape, Gen.Int[0, 1000]).Sample(
            (extents, seed) =>
            {
                using Tape<double> local = new(backend);
                int[] axes = [.. Enumerable.Range(0, extents.Length)];
                new Random(seed).Shuffle(axes);
                Shape shape = new(extents);
                double[] x = TestArrays.Range(shape.ElementCount);
                Tensor<double> y = local.Constant(x, shape).Permute(axes);
                double[] actual = y.ToArray();
                for (int i = 0; i < actual.Length; i++)
                {
                    int rest = i, from = 0;
                    for (int axis = axes.Length - 1; axis >= 0; axis--)
                    {
                        from += rest % y.Shape[axis] * extents[(axes[axis] + 1)..].Aggregate(1, (a, b) => a * b);
                        rest /= y.Shape[axis];
                    }
                    Assert.Equal(x[from], actual[i]);
                }
                int[] back = [.. Enumerable.Range(0, axes.Length).Select(axis => Array.IndexOf(axes, axis))];
                Assert.Equal(x, y.Permute(back).ToArray());
            },
            iter: 200, threads: 1);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(17, 33)]
    [InlineData(100, 1000)]
    [InlineData(257, 255)]
    public void Transposing_twice_gives_the_tensor_back(int rows, int columns)
    {
        Tensor<double> x = Numbered(rows, columns), y = x.Transpose();
        double[] transposed = y.ToArray();
        for (int i = 0; i < transposed.Length; i++)
        {
            Assert.Equal(((i % rows) * columns) + (i / rows), transposed[i]);
        }
        Assert.Equal(x.ToArray(), y.Transpose().ToArray());
    }

    [Fact]
    public void Permute_must_name_every_axis_once()
    {
        Tensor<double> x = Numbered(2, 3, 4);
        AssertError("(0, 1, 1) does not name each of the 3 axes of shape (2, 3, 4) once", () => x.Permute(0, 1, 1));
        AssertError("(0, 1) does not name each", () => x.Permute(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Permute(0, 1, 3));
    }

    [Fact]
    public void A_slice_of_leading_rows_shares_memory_and_a_slice_of_columns_does_not()
    {
        Tensor<double> x = Numbered(4, 3);
        Tensor<double> rows = x.Slice(0, 1, 2), columns = x.Slice(1, 1, 2);
        Assert.Equal(x.Value.Address + (3 * sizeof(double)), rows.Value.Address);
        Assert.Equal([3, 4, 5, 6, 7, 8], rows.ToArray());
        Assert.Equal([1, 2, 4, 5, 7, 8, 10, 11], columns.ToArray());
        Assert.False(columns.Value.Address >= x.Value.Address && columns.Value.Address < x.Value.Address + (12 * sizeof(double)));
    }

    [Theory]
    [InlineData(0, 3, 2)]
    [InlineData(0, -1, 2)]
    [InlineData(1, 0, 4)]
    [InlineData(1, 0, 0)]
    public void A_slice_that_leaves_the_axis_is_an_error(int axis, int start, int length)
    {
        Tensor<double> x = Numbered(4, 3);
        string message = $"Slice: {length} indices from {start} on are not a run within axis {axis} of shape (4, 3)";
        AssertError(message, () => x.Slice(axis, start, length));
    }

    [Fact]
    public void Slices_that_overlap_add_their_gradients_and_what_no_slice_kept_gets_zero()
    {
        Tensor<double> x = Numbered(5);
        tape.Backward(x.Slice(0, 0, 3) + x.Slice(0, 1, 3), [1, 10, 100]);
        Assert.Equal([1, 11, 110, 100, 0], x.GradientToArray());
    }

    [Fact]
    public void Slices_cut_at_random_and_joined_again_give_the_tensor_and_its_gradient_back() =>
        Gen.Select(SmallShape, Gen.Int[0, 3], Gen.Int[0, 1000]).Sample(
            (extents, axisSeed, seed) =>
            {
                using Tape<double> local = new(backend);
                int axis = axisSeed % extents.Length;
                Random random = new(seed);
                Shape shape = new(extents);
                Tensor<double> x = local.Variable(TestArrays.Range(shape.ElementCount), shape);
                List<Tensor<double>> parts = [];
                for (int start = 0; start < extents[axis];)
                {
                    int length = random.Next(1, extents[axis] - start + 1);
                    parts.Add(x.Slice(axis, start, length));
                    start += length;
                }
                Tensor<double> y = Tensor<double>.Concat(parts.ToArray(), axis - extents.Length);
                Assert.Equal(shape, y.Shape);
                Assert.Equal(x.ToArray(), y.ToArray());
                double[] cotangent = TestArrays.Random(shape.ElementCount, seed);
                local.Backward(y, cotangent);
                Assert.Equal(cotangent, x.GradientToArray());
            },
            iter: 200, threads: 1);

    [Fact]
    public void Stack_is_concat_of_tensors_with_an_axis_more()
    {
        Tensor<double> a = Numbered(2, 3), b = tape.Constant(TestArrays.Random(6), new Shape(2, 3));
        for (int axis = 0; axis < 3; axis++)
        {
            Shape with = new([.. new[] { 2, 3 }.Take(axis), 1, .. new[] { 2, 3 }.Skip(axis)]);
            Tensor<double> stacked = Tensor<double>.Stack([a, b], axis);
            Tensor<double> joined = Tensor<double>.Concat([a.Reshape(with), b.Reshape(with)], axis);
            Assert.Equal(joined.Shape, stacked.Shape);
            Assert.Equal(joined.ToArray(), stacked.ToArray());
            Assert.Equal(stacked.ToArray(), Tensor<double>.Stack([a, b], axis - 3).ToArray());
        }
    }

    [Fact]
    public void Joining_shapes_that_do_not_fit_is_an_error()
    {
        Tensor<double> a = Numbered(2, 3), b = Numbered(2, 4), c = Numbered(2);
        AssertError("Concat: shapes (2, 3) and (2, 4) do not fit along axis 0", () => Tensor<double>.Concat([a, b], 0));
        AssertError("Concat: shapes (2, 3) and (2,) do not fit along axis 1", () => Tensor<double>.Concat([a, c], 1));
        AssertError("Concat: there are no tensors", () => Tensor<double>.Concat([], 0));
        AssertError("Stack: shapes (2, 3) and (2, 4) differ", () => Tensor<double>.Stack([a, b], 0));
        AssertError("use -3 to 2", () => Tensor<double>.Stack([a, a], 3));
    }

    [Fact]
    public void Joining_tensors_of_two_tapes_is_an_error()
    {
        using Tape<double> other = new(backend);
        Tensor<double> a = Numbered(2), b = other.Constant([1, 2], new Shape(2));
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Tensor<double>.Concat([a, b], 0));
        Assert.Contains("Concat: the operands, of shapes (2,) and (2,), are on different tapes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gather_reads_rows_and_adds_up_the_gradients_of_a_row_that_is_read_twice()
    {
        Tensor<double> table = Numbered(4, 2), y = table.Gather([3, 1, 3]);
        Assert.Equal([6, 7, 2, 3, 6, 7], y.ToArray());
        tape.Backward(y, [1, 2, 3, 4, 5, 6]);
        Assert.Equal([0, 0, 3, 4, 0, 0, 6, 8], table.GradientToArray());
    }

    [Theory]
    [InlineData(4)]
    [InlineData(-1)]
    public void An_index_out_of_the_table_is_named(int index)
    {
        Tensor<double> table = Numbered(4, 2);
        string message = $"Gather: index {index} at position 1 is not a row of the table of shape (4, 2): rows are 0 to 3";
        AssertError(message, () => table.Gather([0, index]));
    }

    [Fact]
    public void BroadcastTo_repeats_and_its_gradient_sums()
    {
        Tensor<double> x = Numbered(2, 1), y = x.BroadcastTo(new Shape(2, 3));
        Assert.Equal([0, 0, 0, 1, 1, 1], y.ToArray());
        tape.Backward(y, [1, 2, 3, 4, 5, 6]);
        Assert.Equal([6, 15], x.GradientToArray());
        AssertError("BroadcastTo: shape (2, 1) does not broadcast to (1, 3)", () => x.BroadcastTo(new Shape(1, 3)));
    }

    [Fact]
    public void Moved_tensors_that_are_used_twice_add_their_gradients()
    {
        Tensor<double> x = Numbered(2, 2);
        tape.Backward(x.Transpose() + x.Reshape(2, 2) + Tensor<double>.Concat([x, x], 0).Slice(0, 1, 2), [1, 10, 100, 1000]);
        // Transpose: (1, 100, 10, 1000); reshape: (1, 10, 100, 1000); rows 1 and 2 of [x; x]: (100, 1000, 1, 10).
        Assert.Equal([102, 1110, 111, 2010], x.GradientToArray());
    }

    private Tensor<double> Numbered(params int[] extents) =>
        tape.Variable(TestArrays.Range(new Shape(extents).ElementCount), new Shape(extents));

    private static void AssertError(string message, Func<Tensor<double>> op) =>
        Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(() => op()).Message, StringComparison.Ordinal);
}
