using System.Numerics;
using System.Runtime.CompilerServices;
using MiniGrad.Backends;

namespace MiniGrad.Ops;

/// <summary>
/// The gradients of <see cref="RowNormForward{T, TCentered}"/>, for u = gain dy: one pass for the averages of u and u xHat and the sums
/// over rows, one to write dx. Two rows at a time, so that the sums over rows are read and written half as often.
/// </summary>
/// <param name="x">[rows, groups, columns].</param>
/// <param name="gain">[groups, columns]; empty for 1.</param>
/// <param name="mean">[rows, groups]; empty unless TCentered.</param>
/// <param name="rstd">[rows, groups].</param>
/// <param name="dy">Like x.</param>
/// <param name="dx">Like x.</param>
/// <param name="dgain">[chunks, groups, columns], partial sums.</param>
/// <param name="dbias">The same.</param>
/// <param name="groups">Groups per row, each with statistics of its own.</param>
/// <param name="columns">Features per group.</param>
/// <param name="detached">The statistics to treat as constants.</param>
internal readonly partial struct RowNormBackward<T, TCentered>(
    DeviceBuffer<T> x, DeviceBuffer<T> gain, DeviceBuffer<T> mean, DeviceBuffer<T> rstd, DeviceBuffer<T> dy,
    GradientSink<T> dx, GradientSink<T> dgain, GradientSink<T> dbias, int groups, int columns, DetachedStatistics detached)
    : IKernel<T>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TCentered : unmanaged, IChoice
{
    public static string DeviceSource => $"constexpr bool centered = {(TCentered.IsMade ? "true" : "false")};\n" + """
        struct Arguments { Buffer<real> x, gain, mean, rstd, dy; Sink dx, dgain, dbias; int groups, columns, detached; };

        DEVICE void run(const Arguments& k, int first, int end, int chunk)
        {
            const Team team(k.columns);
            for (int group = 0; group < k.groups; group++)
            {
                // x and dy are read once: a thread keeps its elements, and its part of the sums over rows, until the last row.
                const int feature = group * k.columns, partial = chunk * k.groups * k.columns + feature;
                RowSum dgain(team, k.dgain, partial, k.columns), dbias(team, k.dbias, partial, k.columns);
                for (int row = first + team.index; row < end; row += team.count)
                {
                    const int part = row * k.groups + group, start = part * k.columns;
                    const Row x(team, &k.x[start], k.columns), dy(team, &k.dy[start], k.columns);
                    const real center = centered ? k.mean[part] : real(0), r = k.rstd[part];
                    real u = 0, u_x_hat = 0;
                    dy.each_with(x, [&](int i, real g, real value)
                    {
                        const real of_u = k.gain.exists() ? k.gain[feature + i] * g : g;
                        u += of_u;
                        u_x_hat = MultiplyAdd(of_u, (value - center) * r, u_x_hat);
                    });
                    dgain.add(row == first, [&](int i, int kept) { return dy.at(i, kept) * ((x.at(i, kept) - center) * r); });
                    dbias.add(row == first, [&](int i, int kept) { return dy.at(i, kept); });
                    if (!k.dx.is_wanted())
                        continue;
                    const real average_u = !centered || k.detached & 1 ? real(0) : team.sum(u) / k.columns;
                    const real average_u_x_hat = k.detached & 2 ? real(0) : team.sum(u_x_hat) / k.columns;
                    dy.each_with(x, [&](int i, real g, real value)
                    {
                        const real of_u = k.gain.exists() ? k.gain[feature + i] * g : g;
                        k.dx.write(start + i, r * (of_u - average_u - (value - center) * r * average_u_x_hat));
                    });
                }
                dgain.store(first + team.index < end);
                dbias.store(first + team.index < end);
            }
        }
        """;

    public void Run<V>(int first, int end, int chunk)
        where V : struct, ISimd<V, T>
    {
        Rows rows = new(first, end, chunk);
        if (gain.Length > 0)
        {
            OfSums<V, Yes>(rows);
        }
        else
        {
            OfSums<V, No>(rows);
        }
    }

    // This method and the next make choices and call a method compiled for them.
    private void OfSums<V, TGain>(Rows rows)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
    {
        if (dgain.IsWanted && dbias.IsWanted)
        {
            OfDx<V, TGain, Added, Added>(rows);
        }
        else if (dgain.IsWanted)
        {
            OfDx<V, TGain, Added, Unwanted>(rows);
        }
        else if (dbias.IsWanted)
        {
            OfDx<V, TGain, Unwanted, Added>(rows);
        }
        else
        {
            OfDx<V, TGain, Unwanted, Unwanted>(rows);
        }
    }

    private void OfDx<V, TGain, TDgain, TDbias>(Rows rows)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
        where TDgain : ISinkMode
        where TDbias : ISinkMode
    {
        if (!dx.IsWanted)
        {
            Run<V, TGain, TDgain, TDbias, Unwanted>(rows);
        }
        else if (dx.Accumulate)
        {
            Run<V, TGain, TDgain, TDbias, Added>(rows);
        }
        else if (Streaming.Pays(dx.Buffer))
        {
            Run<V, TGain, TDgain, TDbias, Streamed>(rows);
            Streaming.Fence<Streamed>();
        }
        else
        {
            Run<V, TGain, TDgain, TDbias, Assigned>(rows);
        }
    }

    private unsafe void Run<V, TGain, TDgain, TDbias, TDx>(Rows rows)
        where V : struct, ISimd<V, T>
        where TGain : IChoice
        where TDgain : ISinkMode
        where TDbias : ISinkMode
        where TDx : ISinkMode
    {
        T* memory = stackalloc T[8];
        DeviceBuffer<T> sums = new((nint)memory, 4, 4); // The second half is for tangents.
        for (int row = rows.First; row < rows.End; row += 2)
        {
            for (int group = 0; group < groups; group++)
            {
                Part part = new(row, group, rows.Chunk);
                if (row + 1 < rows.End)
                {
                    Run<V, Yes, TGain, TDgain, TDbias, TDx>(part, isFirst: row == rows.First, sums);
                }
                else
                {
                    Run<V, No, TGain, TDgain, TDbias, TDx>(part, isFirst: row == rows.First, sums);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Run<V, TTwo, TGain, TDgain, TDbias, TDx>(Part part, bool isFirst, DeviceBuffer<T> sums)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
        where TDgain : ISinkMode
        where TDbias : ISinkMode
        where TDx : ISinkMode
    {
        if (isFirst)
        {
            SumFirst<V, TTwo, TGain, TDgain, TDbias>(part, sums);
        }
        else
        {
            Sum<V, TTwo, TGain, TDgain, TDbias>(part, sums);
        }
        if (TDx.IsWanted)
        {
            Write<V, TTwo, TGain, TDx>(part, sums);
        }
    }

    // The first rows of a chunk assign the partial sums.
    private void SumFirst<V, TTwo, TGain, TDgain, TDbias>(Part part, DeviceBuffer<T> sums)
        where V : struct, ISimd<V, T>
        where TTwo : IChoice
        where TGain : IChoice
        where TDgain : ISinkMode
        where TDbias : ISinkMode
    {
        bool assignsDgain = TDgain.IsWanted && !dgain.Accumulate, assignsDbias = TDbias.IsWanted && !dbias.Accumulate;
        if (assignsDgain && assignsDbias)
        {
            Sum<V, TTwo, TGain, Assigned, Assigned>(part, sums);
        }
        else if (assignsDgain)
        {
            Sum<V, TTwo, TGain, Assigned, TDbias>(part, sums);
        }
        else if (assignsDbias)
        {
            Sum<V, TTwo, TGain, TDgain, Assigned>(part, sums);
        }
        else
        {
            Sum<V, TTwo, TGain, TDgain, TDbias>(part, sums);
        }
    }

    /// <summary>The rows of a chunk.</summary>
    private readonly record struct Rows(int First, int End, int Chunk);

    /// <summary>A group of a row, and of the next row.</summary>
    private readonly record struct Part(int Row, int Group, int Chunk);
}
