using System.Numerics;
using MiniGrad.Backends;
using MiniGrad.Training;

namespace MiniGrad;

/// <summary>
/// Checks gradients against finite differences: of functions of tensors, of modules, and of whole sequences of steps.
/// </summary>
/// <remarks>
/// <para>Use double: differences then agree to 1e-9 and better, and the default tolerance of 1e-8 finds what a loose one hides. In float
/// the checker finds wrong formulas, not wrong digits.</para>
/// <para>The outputs, of any shape, are multiplied with random cotangents; every element of a small input is checked by itself, and large
/// inputs along random directions and at random elements. Order 2 (see <see cref="GradCheckOptions.Order"/>) also compares
/// <see cref="Jvp"/> with the backward pass and <see cref="Hvp"/> with differences of gradients. Values, gradients and state of parameters
/// are put back bit for bit, also when the function throws.</para>
/// <example><code>
/// GradCheckReport report = GradCheck.Module(backend, model, x => model.Forward(x[0]), [HostTensor&lt;double&gt;.Random("x", new Shape(4,
/// 10), seed: 1)]); report.ThrowIfFailed();
/// </code></example>
/// </remarks>
public static class GradCheck
{
    /// <summary>Checks a function of tensors, by every input.</summary>
    /// <param name="backend">Where the function runs.</param>
    /// <param name="function">Gets the inputs as tensors of one tape, in order, and returns a tensor of that tape. It must be the same
    /// function at each call.</param>
    /// <param name="inputs">Where the gradients are checked; off kinks and poles.</param>
    /// <param name="options">What is compared and how closely; by default <see cref="GradCheckOptions"/> as it is.</param>
    /// <param name="dual">For order 2, a backend of dual numbers; not needed if <paramref name="backend"/> is one.</param>
    /// <exception cref="ArgumentException">Order 2 without a backend of dual numbers.</exception>
    /// <exception cref="InvalidOperationException">The result depends on no input.</exception>
    public static GradCheckReport Function<T>(
        IBackend<T> backend, Func<Tensor<T>[], Tensor<T>> function, IReadOnlyList<HostTensor<T>> inputs,
        GradCheckOptions? options = null, IDualBackend<T>? dual = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(function);
        return Check(backend, null, (_, x) => [function(x)], inputs, options ?? new(), dual);
    }

    /// <summary>Checks a module, by all its parameters and every input.</summary>
    /// <param name="backend">The backend that the module was made with; for order 2 one of dual numbers.</param>
    /// <param name="module">What owns the parameters.</param>
    /// <param name="forward">Runs the module on the inputs, tensors of one tape, and returns a tensor of that tape: its output or a
    /// loss.</param>
    /// <param name="inputs">Where the gradients are checked.</param>
    /// <param name="options">What is compared and how closely.</param>
    /// <exception cref="ArgumentException">A parameter lives on another backend, or order 2 was asked for on a backend without dual
    /// numbers.</exception>
    /// <exception cref="InvalidOperationException">The result depends on no parameter and no input.</exception>
    public static GradCheckReport Module<T>(
        IBackend<T> backend, Module<T> module, Func<Tensor<T>[], Tensor<T>> forward, IReadOnlyList<HostTensor<T>> inputs,
        GradCheckOptions? options = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(forward);
        return Check(backend, module, (_, x) => [forward(x)], inputs, options ?? new(), null);
    }

    /// <summary>Checks a layer, in its training phase, by all its parameters and its input.</summary>
    /// <param name="backend">The backend that the layer was made with; for order 2 one of dual numbers.</param>
    /// <param name="layer">What is checked.</param>
    /// <param name="input">Its input.</param>
    /// <param name="options">What is compared and how closely.</param>
    /// <exception cref="ArgumentException">A parameter lives on another backend, or order 2 was asked for on a backend without dual
    /// numbers.</exception>
    public static GradCheckReport Layer<T>(IBackend<T> backend, Layer<T> layer, HostTensor<T> input, GradCheckOptions? options = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(layer);
        return Check(backend, layer, (_, x) => [layer.Forward(x[0])], [input], options ?? new(), null);
    }

    /// <summary>
    /// Checks a computation over several steps, such as a recurrent network's, through time: by all parameters, every step's input and
    /// every initial state.
    /// </summary>
    /// <param name="backend">The backend that the module was made with; for order 2 one of dual numbers.</param>
    /// <param name="module">What owns the parameters; null if there are none.</param>
    /// <param name="record">
    /// Records the whole sequence on the tape it gets, from the inputs in the order of <paramref name="inputs"/>, and returns the outputs
    /// that count: those of all steps, the last state, or a loss.
    /// </param>
    /// <param name="inputs">The inputs of the steps and the initial states, named so that the report can tell them apart (<c>x[0]</c>,
    /// <c>h0</c>).</param>
    /// <param name="options">What is compared and how closely.</param>
    /// <exception cref="ArgumentException">A parameter lives on another backend, or order 2 was asked for on a backend without dual
    /// numbers.</exception>
    /// <exception cref="InvalidOperationException">No output depends on a parameter or an input.</exception>
    public static GradCheckReport Sequence<T>(
        IBackend<T> backend, Module<T>? module, Func<Tape<T>, Tensor<T>[], IReadOnlyList<Tensor<T>>> record,
        IReadOnlyList<HostTensor<T>> inputs, GradCheckOptions? options = null)
        where T : unmanaged, IFloatingPointIeee754<T> => Check(backend, module, record, inputs, options ?? new(), null);

    private static GradCheckReport Check<T>(
        IBackend<T> backend, Module<T>? module, Func<Tape<T>, Tensor<T>[], IReadOnlyList<Tensor<T>>> record,
        IReadOnlyList<HostTensor<T>> inputs, GradCheckOptions options, IDualBackend<T>? dual)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        GradCheckPrecision<T> precision = new(options);
        dual ??= backend as IDualBackend<T>;
        if (options.Order == 2 && dual is null)
        {
            throw new ArgumentException(
                "GradCheck: order 2 needs a backend of dual numbers (CpuBackend.CreateDual). Make the module with it and pass it as the " +
                "backend; for a function, pass it as 'dual'.");
        }
        GradCheckReport report = new(
            $"{(precision.Epsilon < 1e-10 ? "double" : "float")}, {backend.Name}, " +
            $"allowed {precision.Relative:g2} relative + {precision.Absolute:g2}, seed {options.Seed}");
        using GradCheckSubject<T> subject = new(backend, module, inputs, record);
        GradCheckRun<T> run = new(subject, options, report);
        run.FirstOrder();
        if (options.Order == 2 && report.NonDeterminism is null)
        {
            using GradCheckSubject<T>? twin = dual == backend ? null : new(dual!, null, inputs, record);
            twin?.TakeCotangents(subject);
            new GradCheckSecondOrder<T>(twin ?? subject, dual!, options, report).Run();
        }
        return report;
    }
}
