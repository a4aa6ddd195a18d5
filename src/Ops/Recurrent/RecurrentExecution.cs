namespace MiniGrad.Ops;

/// <summary>How a recurrent network runs. Both ways compute the same, up to rounding.</summary>
public enum RecurrentExecution
{
    /// <summary>A cell over a sequence is one op: one product and one fused kernel for each step.</summary>
    Fused,

    /// <summary>
    /// Every step is written out in plain ops, as the equations of the cells read: slower, to look into and to test against.
    /// </summary>
    StepByStep,
}
