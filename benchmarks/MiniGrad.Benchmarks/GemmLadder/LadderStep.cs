namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>A way to compute C = A B for square matrices of floats, row-major, n a multiple of 480.</summary>
internal abstract unsafe class LadderStep
{
    /// <summary>What the step adds to the one before.</summary>
    public abstract string Name { get; }

    /// <summary>Floating-point operations for each byte that the inner loop reads or writes, wherever it is.</summary>
    public abstract double Intensity { get; }

    /// <summary>C = A B.</summary>
    public abstract void Multiply(int n, float* a, float* b, float* c);
}
