using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad.Ops;

/// <summary>
/// Long short-term memory over sequences (T, N, features), one or several layers; the equations are those of <see cref="LstmCell{T}"/>.
/// </summary>
public sealed class Lstm<T> : RecurrentLayer<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>A network with random weights.</summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="inputs">The numbers per case and step.</param>
    /// <param name="hidden">H, the numbers per case of a hidden state.</param>
    /// <param name="random">Draws the weights.</param>
    /// <param name="options">The variant of the cells; null for <see cref="RecurrentPresets.Plain"/>.</param>
    /// <param name="layers">How many cells are stacked.</param>
    /// <param name="outputs">The numbers per case and step of a linear projection of the hidden states; 0 for none.</param>
    public Lstm(
        IBackend<T> backend, int inputs, int hidden, Philox random, RecurrentOptions? options = null, int layers = 1, int outputs = 0)
        : base(
            backend, inputs, hidden, random, layers, outputs,
            size => new LstmCell<T>(backend, size, hidden, random, options ?? RecurrentPresets.Plain))
    {
    }
}
