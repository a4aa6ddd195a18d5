namespace MiniGrad.Ops;

/// <summary>
/// <see cref="BatchColumns{T, V}"/> and <see cref="BatchGates{T, V}"/> in the C++ of devices, for kernels in which the threads of a block
/// share a few columns and take turns at the cases.
/// </summary>
internal static class BatchSource
{
    /// <summary>Batch norm of a column of one step's cases.</summary>
    public const string Columns = """
        struct BatchStep
        {
            int step, cases;
            bool is_training;
            Buffer<real> padding, counts, mean, variance, rstd, sum, sum_x_hat;
            real epsilon;
        };
        struct Statistics { real mean, rstd; };

        DEVICE bool is_there(const BatchStep& b) { return b.cases > 0; }
        DEVICE real weight(const BatchStep& b, int step, int n) { return b.padding.exists() ? b.padding[step * b.cases + n] : real(1); }

        // x is the column's first element, and at the place of its statistics. The whole block must have written x.
        DEVICE Statistics measure(const BatchStep& b, int step, const ColumnTeam& team, bool is_column, const real* x, int stride, int at)
        {
            if (!b.is_training)
                return {b.mean[at], b.rstd[at]};
            const real shift = x[0], count = Max(b.counts[step], 1);
            real sum = 0, squares = 0;
            team.each_row(b.cases, is_column, [&](int n) { sum += weight(b, step, n) * (x[n * stride] - shift); });
            const real mean = shift + team.sum(sum) / count;
            team.each_row(b.cases, is_column, [&](int n)
            {
                const real deviation = x[n * stride] - mean;
                squares = MultiplyAdd(weight(b, step, n) * deviation, deviation, squares);
            });
            const real variance = team.sum(squares) / count, rstd = 1 / Sqrt(variance + b.epsilon);
            if (is_column && team.first_row == 0)
            {
                b.mean[at] = mean;
                b.variance[at] = variance;
                b.rstd[at] = rstd;
            }
            return {mean, rstd};
        }

        // From the gradients of gain xHat those of x, perhaps in their place; adds to those of gain and, if it is there, shift.
        DEVICE void backward(const BatchStep& b, int step, const ColumnTeam& team, bool is_column, const real* x, const real* dy, real* dx,
            int stride, int at, real gain, real& dgain, real* dshift)
        {
            const real mean = b.mean[at], rstd = b.rstd[at], per_case = b.is_training ? 1 / Max(b.counts[step], 1) : real(0);
            real sum = 0, sum_x_hat = 0;
            team.each_row(b.cases, is_column, [&](int n)
            {
                sum += dy[n * stride];
                sum_x_hat = MultiplyAdd(dy[n * stride], (x[n * stride] - mean) * rstd, sum_x_hat);
            });
            sum = team.sum(sum);
            sum_x_hat = team.sum(sum_x_hat);
            if (is_column && team.first_row == 0)
            {
                dgain += sum_x_hat;
                if (dshift)
                    *dshift += sum;
            }
            team.each_row(b.cases, is_column, [&](int n)
            {
                const real common = MultiplyAdd((x[n * stride] - mean) * rstd, sum_x_hat, sum) * per_case;
                dx[n * stride] = gain * rstd * (dy[n * stride] - weight(b, step, n) * common);
            });
        }
        """;

    /// <summary>The same of a cell's gates.</summary>
    public const string Gates = """
        template <int gates> DEVICE void measure_gates(
            const SequenceBuffers& s, const BatchStep& b, const ColumnTeam& team, int j, bool is_column, Statistics (&of)[gates])
        {
            for (int gate = 0; gate < gates && is_there(b); gate++)
            {
                const int feature = gate * s.hidden + j, width = gates * s.hidden, first = b.step * b.cases * width + feature;
                const Statistics found = measure(b, b.step, team, is_column, &s.product[first], width, b.step * width + feature);
                #pragma unroll
                for (int i = 0; i < gates; i++)
                    if (i == gate)
                        of[i] = found;
            }
        }

        // gain xHat of the product.
        DEVICE real product_part(const SequenceBuffers& s, int row, int feature, const Statistics& of)
        {
            return s.gain[feature] * (s.product[row * s.groups.features + feature] - of.mean) * of.rstd;
        }

        // A gate before its nonlinearity. Without normalization the product stands for the sum of both.
        DEVICE real gate_sum(const SequenceBuffers& s, const BatchStep& b, int row, int feature, const Statistics& of)
        {
            const int at = row * s.groups.features + feature;
            return is_there(b) ? product_part(s, row, feature, of) + (s.is_summed ? s.shift[feature] : s.x[at]) : s.product[at];
        }

        // All gates of a column; from holds the gradients of gain xHat.
        DEVICE void gates_backward(const SequenceBuffers& s, const SequenceGradients& d, const BatchStep& b, const ColumnTeam& team,
            const Buffer<real>& from, int j, bool is_column)
        {
            const int width = s.groups.features, first = b.step * b.cases * width;
            for (int i = j; i < width && is_there(b); i += s.hidden)
                backward(b, b.step, team, is_column, &s.product[first + i], &from[first + i], &d.product[first + i], width,
                    b.step * width + i, s.gain[i], d.gain[i], d.shift.exists() ? &d.shift[i] : nullptr);
        }
        """;
}
