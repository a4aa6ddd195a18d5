namespace MiniGrad.Ops;

/// <summary>
/// What the fused kernels share in the C++ of devices, beside their own <see cref="Backends.IKernel{T}.DeviceSource"/>. A block does a row
/// at a time; the equations are those of <see cref="RowNormalizer{T, V, TNorm}"/>, <see cref="GateKernels{T, V, TNorm}"/>,
/// <see cref="StateBlend{T, V}"/> and <see cref="HiddenGradient{T, V}"/>.
/// </summary>
internal static class SequenceSource
{
    /// <summary>The memory and the masks of a cell.</summary>
    public static string Of<TMasks>()
        where TMasks : struct, IMasking => $"constexpr bool masked = {Text(TMasks.IsPresent)};\n{Memory}\n";

    /// <summary>The same, and how its gates are normalized.</summary>
    public static string Of<TGates, TMasks>()
        where TGates : struct, IRowNormalizer
        where TMasks : struct, IMasking => $"{Of<TMasks>()}{Normalization}\ntypedef {NormalizerOf<TGates>()} Gates;\n";

    /// <summary>The same, and how its cell state is.</summary>
    public static string Of<TGates, TCell, TMasks>()
        where TGates : struct, IRowNormalizer
        where TCell : struct, IRowNormalizer
        where TMasks : struct, IMasking => $"{Of<TGates, TMasks>()}typedef {NormalizerOf<TCell>()} Cell;\n";

    /// <summary>The memory and the masks of a cell, and how columns of its gates are normalized over a batch.</summary>
    public static string OfBatch<TMasks>()
        where TMasks : struct, IMasking => $"{Of<TMasks>()}{BatchSource.Columns}\n{BatchSource.Gates}\n";

    private static string NormalizerOf<TNorm>()
        where TNorm : struct, IRowNormalizer => $"Normalizer<{Text(TNorm.IsPresent)}, {Text(TNorm.HasMean)}>";

    private static string Text(bool choice) => choice ? "true" : "false";

    private const string Memory = """
        struct GateGroups { int hidden, features, lead; };
        struct Epsilon { real value; bool is_outside; };
        struct SequenceBuffers
        {
            int steps, cases;
            GateGroups groups;
            int hidden;
            Buffer<real> x, product, activations, states, entering, cells, new_cells, cell_tanh;
            Buffer<real> weight, gain, gain_x, shift, own_shift, cell_gain, cell_bias;
            Buffer<real> mean, rstd, mean_x, rstd_x, cell_mean, cell_rstd;
            Epsilon epsilon;
            bool is_summed, carries_normalized, replaces, starts_at_zero;
            Buffer<real> padding, hidden_share, cell_share, candidate_factors, entering_factors;
            int grain;
        };
        struct SequenceGradients
        {
            Buffer<real> outputs, from_product, direct, cell, cell_gradients, x, product;
            Buffer<real> gain, gain_x, shift, own_shift, cell_gain, cell_bias;
        };

        // Factors of masks: 1 without them.
        DEVICE real factor(const Buffer<real>& factors, int i) { return masked && factors.exists() ? factors[i] : real(1); }
        DEVICE real share_of_new(const SequenceBuffers& s, const Buffer<real>& shares, int row, int j)
        {
            return factor(s.padding, row) * factor(shares, row * s.hidden + j);
        }

        // The hidden state behind a row, and as it enters the next product.
        DEVICE void hand_on(const SequenceBuffers& s, int n, int row, int j, real made)
        {
            const int here = row * s.hidden + j, next = here + s.cases * s.hidden;
            real state = made;
            if (masked)
            {
                const real share = share_of_new(s, s.hidden_share, row, j);
                state = share * made + (1 - share) * s.states[here];
            }
            s.states[next] = state;
            if (masked && s.entering_factors.exists())
                s.entering[next] = s.entering_factors[n * s.hidden + j] * state;
        }

        // The gradient of what a row makes of its hidden state; the share that goes past it waits in d.direct.
        DEVICE real take_hidden(const SequenceBuffers& s, const SequenceGradients& d, int n, int row, int j)
        {
            const int at = n * s.hidden + j, here = row * s.hidden + j;
            if (!masked)
                return d.outputs[here] + d.from_product[at];
            const real dh = MultiplyAdd(factor(s.entering_factors, at), d.from_product[at], d.outputs[here] + d.direct[at]);
            const real share = share_of_new(s, s.hidden_share, row, j);
            d.direct[at] = (1 - share) * dh;
            return share * dh;
        }
        """;

    private const string Normalization = """
        // Features of a row, in gates of H. In every loop a thread has the same columns of all gates: what it reads, it wrote itself.
        template <class Body> DEVICE void each(int hidden, int length, Body body)
        {
            for (int gate = 0; gate < length; gate += hidden)
                for (int j = thread_in_block(); j < hidden; j += threads_of_block())
                    body(gate + j);
        }

        DEVICE int group_count(const GateGroups& g) { return 1 + (g.features - g.lead) / g.hidden; }
        DEVICE int group_of(const GateGroups& g, int feature) { return feature < g.lead ? 0 : 1 + (feature - g.lead) / g.hidden; }
        DEVICE int group_start(const GateGroups& g, int group) { return group == 0 ? 0 : g.lead + (group - 1) * g.hidden; }
        DEVICE int group_length(const GateGroups& g, int group) { return group == 0 ? g.lead : g.hidden; }

        struct Moments { real mean, rstd; };

        template <bool present, bool centered> struct Normalizer
        {
            static constexpr bool is_present = present;

            // The whole block must have written x.
            DEVICE Moments measure(const real* x, int length, int hidden, const Epsilon& epsilon)
            {
                const Team team = Team::of_block();
                real mean = 0, sum = 0, squares = 0;
                if (centered)
                {
                    const real shift = x[0];
                    each(hidden, length, [&](int i) { sum += x[i] - shift; });
                    mean = shift + team.sum(sum) / length;
                }
                each(hidden, length, [&](int i) { squares = MultiplyAdd(x[i] - mean, x[i] - mean, squares); });
                const real power = team.sum(squares) / length;
                return {mean, 1 / (epsilon.is_outside ? Sqrt(power) + epsilon.value : Sqrt(power + epsilon.value))};
            }

            DEVICE void save(const Moments& of, const Buffer<real>& mean, const Buffer<real>& rstd, int at)
            {
                if (thread_in_block() != 0)
                    return;
                if (centered)
                    mean[at] = of.mean;
                rstd[at] = of.rstd;
            }

            DEVICE Moments saved(const Buffer<real>& mean, const Buffer<real>& rstd, int at)
            {
                return {centered ? mean[at] : real(0), present ? rstd[at] : real(1)};
            }

            DEVICE real x_hat(real x, const Moments& of) { return present ? (x - of.mean) * of.rstd : x; }

            // From the gradients of gain xHat those of x, perhaps in their place; adds to the gain's.
            DEVICE void backward(const real* x, const real* gain, const real* dy, real* dx, real* dgain, int length, int hidden,
                const Epsilon& epsilon, const Moments& of)
            {
                const Team team = Team::of_block();
                real u = 0, u_x_hat = 0;
                each(hidden, length, [&](int i)
                {
                    const real hat = x_hat(x[i], of), of_u = gain[i] * dy[i];
                    u += of_u;
                    u_x_hat = MultiplyAdd(of_u, hat, u_x_hat);
                    dgain[i] = MultiplyAdd(dy[i], hat, dgain[i]);
                });
                const real average_u = centered ? team.sum(u) / length : real(0);
                real average_u_x_hat = team.sum(u_x_hat) / length;
                if (epsilon.is_outside)
                {
                    const real share = 1 - epsilon.value * of.rstd, least = sizeof(real) == 4 ? 0x1p-20 : 0x1p-49;   // 8 roundings of 1.
                    average_u_x_hat = share > least ? average_u_x_hat / share : real(0);
                }
                each(hidden, length, [&](int i)
                {
                    dx[i] = of.rstd * (gain[i] * dy[i] - average_u - x_hat(x[i], of) * average_u_x_hat);
                });
            }
        };

        // The statistics of each gate of a row, of the product and of X.
        template <int gates> struct GateMoments { Moments product[gates], x[gates]; };

        template <class Norm, int gates> DEVICE void measure_gates(const SequenceBuffers& s, int row, GateMoments<gates>& of)
        {
            for (int group = 0; Norm::is_present && group < group_count(s.groups); group++)
            {
                const int at = row * s.groups.features + group_start(s.groups, group), length = group_length(s.groups, group);
                const int index = row * group_count(s.groups) + group;
                const Moments product = Norm::measure(&s.product[at], length, s.hidden, s.epsilon);
                Norm::save(product, s.mean, s.rstd, index);
                Moments x = product;
                if (!s.is_summed)
                {
                    x = Norm::measure(&s.x[at], length, s.hidden, s.epsilon);
                    Norm::save(x, s.mean_x, s.rstd_x, index);
                }
                #pragma unroll
                for (int gate = 0; gate < gates; gate++)
                    if (group_of(s.groups, gate * s.hidden) == group)
                    {
                        of.product[gate] = product;
                        of.x[gate] = x;
                    }
            }
        }

        // gain xHat(W_h h), and gainX xHat(W_x x) + shift, of a feature of a row.
        template <class Norm> DEVICE real product_part(const SequenceBuffers& s, int row, int feature, const Moments& of)
        {
            const real x_hat = Norm::x_hat(s.product[row * s.groups.features + feature], of);
            return Norm::is_present ? s.gain[feature] * x_hat : x_hat;
        }
        template <class Norm> DEVICE real input_part(const SequenceBuffers& s, int row, int feature, const Moments& of)
        {
            const real x_hat = Norm::x_hat(s.x[row * s.groups.features + feature], of);
            return Norm::is_present ? MultiplyAdd(s.gain_x[feature], x_hat, s.shift[feature]) : x_hat;
        }

        // A gate before its nonlinearity. Without normalization the product stands for the sum of both.
        template <class Norm, int gates> DEVICE real gate_sum(
            const SequenceBuffers& s, const GateMoments<gates>& of, int row, int gate, int j)
        {
            const int feature = gate * s.hidden + j;
            const real product = product_part<Norm>(s, row, feature, of.product[gate]);
            return !Norm::is_present ? product : product + (s.is_summed ? s.shift[feature] : input_part<Norm>(s, row, feature, of.x[gate]));
        }

        template <class Norm> DEVICE void product_backward(
            const SequenceBuffers& s, const SequenceGradients& d, const Buffer<real>& from, int row, int chunk)
        {
            for (int group = 0; Norm::is_present && group < group_count(s.groups); group++)
            {
                const int start = group_start(s.groups, group), at = row * s.groups.features + start;
                const Moments of = Norm::saved(s.mean, s.rstd, row * group_count(s.groups) + group);
                Norm::backward(&s.product[at], &s.gain[start], &from[at], &d.product[at], &d.gain[chunk * s.groups.features + start],
                    group_length(s.groups, group), s.hidden, s.epsilon, of);
            }
        }

        // The input's part, in place; and the shift's, whose gradient is that of the gates before their nonlinearities.
        template <class Norm> DEVICE void add_shift(const SequenceBuffers& s, const SequenceGradients& d, int row, int chunk)
        {
            const int features = s.groups.features;
            each(s.hidden, Norm::is_present ? features : 0, [&](int i) { d.shift[chunk * features + i] += d.x[row * features + i]; });
        }
        template <class Norm> DEVICE void input_backward(const SequenceBuffers& s, const SequenceGradients& d, int row, int chunk)
        {
            for (int group = 0; Norm::is_present && !s.is_summed && group < group_count(s.groups); group++)
            {
                const int start = group_start(s.groups, group), at = row * s.groups.features + start;
                const Moments of = Norm::saved(s.mean_x, s.rstd_x, row * group_count(s.groups) + group);
                Norm::backward(&s.x[at], &s.gain_x[start], &d.x[at], &d.x[at], &d.gain_x[chunk * s.groups.features + start],
                    group_length(s.groups, group), s.hidden, s.epsilon, of);
            }
        }
        template <class Norm> DEVICE void gates_backward(
            const SequenceBuffers& s, const SequenceGradients& d, const Buffer<real>& of_product, int row, int chunk)
        {
            add_shift<Norm>(s, d, row, chunk);
            product_backward<Norm>(s, d, of_product, row, chunk);
            input_backward<Norm>(s, d, row, chunk);
        }
        """;
}
