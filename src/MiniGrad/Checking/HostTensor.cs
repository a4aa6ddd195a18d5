using System.Numerics;

namespace MiniGrad;

/// <summary>
/// A named array of numbers in the machine's memory: an input of <see cref="GradCheck"/>, <see cref="Jvp"/> or <see cref="Hvp"/>.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed class HostTensor<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Names an array, which is kept, not copied.</summary>
    /// <param name="name">What reports call it.</param>
    /// <param name="shape">Its extents.</param>
    /// <param name="values">Its elements, row-major.</param>
    /// <exception cref="ArgumentException"><paramref name="values"/> has another number of elements than
    /// <paramref name="shape"/>.</exception>
    public HostTensor(string name, Shape shape, T[] values)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(values);
        if (values.Length != shape.ElementCount)
        {
            throw new ArgumentException(
                $"'{name}' has shape {shape}, which holds {shape.ElementCount} elements, but {values.Length} were given.", nameof(values));
        }
        (Name, Shape, Values) = (name, shape, values);
    }

    /// <summary>What reports call it.</summary>
    public string Name { get; }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>The elements, row-major.</summary>
    public T[] Values { get; }

    /// <summary>Random elements, uniform between <paramref name="low"/> and <paramref name="high"/>; the same for the same seed.</summary>
    public static HostTensor<T> Random(string name, Shape shape, int seed, double low = -1, double high = 1)
    {
        Random random = new(seed);
        T[] values = new T[shape.ElementCount];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = T.CreateChecked(low + ((high - low) * random.NextDouble()));
        }
        return new HostTensor<T>(name, shape, values);
    }

    /// <summary>The name and the shape.</summary>
    public override string ToString() => $"{Name} {Shape}";
}
