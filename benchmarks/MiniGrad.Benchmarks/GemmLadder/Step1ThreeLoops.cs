namespace MiniGrad.Benchmarks.GemmLadder;

/// <summary>The definition: every element of C is a row of A times a column of B, and B is read with strides of a row.</summary>
internal sealed unsafe class Step1ThreeLoops : LadderStep
{
    public override string Name => "1 three loops";

    // A number of A and one of B for a multiplication and an addition.
    public override double Intensity => 2.0 / 8;

    public override void Multiply(int n, float* a, float* b, float* c)
    {
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                float sum = 0;
                for (int k = 0; k < n; k++)
                {
                    sum += a[(i * n) + k] * b[(k * n) + j];
                }
                c[(i * n) + j] = sum;
            }
        }
    }
}
