using CsCheck;

namespace MiniGrad.Tests;

public class ShapeTests
{
    private static readonly Gen<int[]> Extents = Gen.Int[1, 6].Array[0, Shape.MaxRank];

    [Fact]
    public void Extents_rank_and_count_are_what_was_given() => Extents.Sample(extents =>
    {
        Shape shape = new(extents);
        Assert.Equal(extents, shape.ToArray());
        Assert.Equal(extents.Length, shape.Rank);
        Assert.Equal(extents.Aggregate(1, (a, b) => a * b), shape.ElementCount);
        for (int axis = 0; axis < extents.Length; axis++)
        {
            Assert.Equal(extents[axis], shape[axis]);
            Assert.Equal(extents[axis], shape[axis - extents.Length]);
        }
    });

    [Fact]
    public void Equality_is_of_rank_and_extents() => Gen.Select(Extents, Extents).Sample((a, b) =>
    {
        Assert.Equal(a.SequenceEqual(b), new Shape(a) == new Shape(b));
        Assert.Equal(a.SequenceEqual(b), !(new Shape(a) != new Shape(b)));
        Assert.Equal(new Shape(a).GetHashCode(), new Shape([.. a]).GetHashCode());
        Assert.False(new Shape(3) == new Shape(1, 3));
    });

    // NumPy's rule, as its manual states it: compare extents from the last on; a missing one counts as 1; they must be equal or one of them
    // 1.
    [Fact]
    public void Broadcasting_follows_NumPys_rule() => Gen.Select(Gen.Int[1, 3].Array[0, 4], Gen.Int[1, 3].Array[0, 4]).Sample((a, b) =>
    {
        List<int> expected = [];
        bool fits = true;
        for (int i = 1; i <= Math.Max(a.Length, b.Length); i++)
        {
            int ea = i <= a.Length ? a[^i] : 1, eb = i <= b.Length ? b[^i] : 1;
            fits &= ea == eb || ea == 1 || eb == 1;
            expected.Insert(0, ea == 1 ? eb : ea);
        }
        if (fits)
        {
            Assert.Equal(new Shape([.. expected]), Shape.Broadcast(new Shape(a), new Shape(b), "Add"));
            Assert.Equal(new Shape([.. expected]), Shape.Broadcast(new Shape(b), new Shape(a), "Add"));
        }
        else
        {
            string message = Assert.Throws<ArgumentException>(() => Shape.Broadcast(new Shape(a), new Shape(b), "Add")).Message;
            Assert.StartsWith($"Add: shapes {new Shape(a)} and {new Shape(b)} do not broadcast", message, StringComparison.Ordinal);
        }
    });

    [Fact]
    public void A_shape_prints_as_a_tuple()
    {
        Assert.Equal("()", Shape.Scalar.ToString());
        Assert.Equal("(7,)", new Shape(7).ToString());
        Assert.Equal("(2, 3)", new Shape(2, 3).ToString());
    }

    [Fact]
    public void An_axis_may_count_from_the_end()
    {
        Shape shape = new(2, 3, 4);
        Assert.Equal(2, shape.NormalizeAxis(-1));
        Assert.Equal(0, shape.NormalizeAxis(-3));
        Assert.Equal(new Shape(2, 3, 9), shape.With(-1, 9));
        string message = Assert.Throws<ArgumentOutOfRangeException>(() => shape.NormalizeAxis(3)).Message;
        Assert.Contains("(2, 3, 4)", message);
        Assert.Contains("-3 to 2", message);
        Assert.Throws<ArgumentOutOfRangeException>(() => shape[-4]);
    }

    [Fact]
    public void Shapes_that_no_tensor_has_are_refused()
    {
        Assert.Contains("0", Assert.Throws<ArgumentException>(() => new Shape(3, 0)).Message);
        Assert.Contains("-1", Assert.Throws<ArgumentException>(() => new Shape(-1)).Message);
        Assert.Contains("at most 4", Assert.Throws<ArgumentException>(() => new Shape(1, 1, 1, 1, 1)).Message);
        Assert.Contains("65536, 65536", Assert.Throws<ArgumentException>(() => new Shape(65536, 65536)).Message);
        Assert.Throws<ArgumentException>(() => new Shape(int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue));
    }
}
