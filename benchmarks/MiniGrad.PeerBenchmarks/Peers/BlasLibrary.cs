using System.Runtime.InteropServices;

namespace MiniGrad.PeerBenchmarks;

/// <summary>A C library with a matrix product. Loaded by hand, since it may be absent.</summary>
internal abstract unsafe partial class BlasLibrary(string name)
{
    private const string DebianLibraries = "/usr/lib/x86_64-linux-gnu";

    /// <summary>Every library that takes part; null where it is absent. Both are packages of Debian.</summary>
    public static IReadOnlyList<(string Name, string Package, BlasLibrary? Library)> All { get; } =
    [
        ("onednn", "libdnnl2", OneDnn.TryLoad("onednn")),
        ("openblas-skx", "libopenblas0-pthread", OpenBlas.TryLoad("openblas-skx")),
    ];

    public string Name => name;

    public abstract void SetThreads(int threads);

    /// <summary>C = op(A) op(B), row-major: op(A) is m x k, op(B) is k x n.</summary>
    public abstract void Sgemm(bool transposeA, bool transposeB, int m, int n, int k, float* a, float* b, float* c);

    // setenv of the C library, which native code reads; Environment.SetEnvironmentVariable changes only .NET's own copy.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    /// <summary>oneDNN, which takes the processor's best kernels by itself; its threads are OpenMP's.</summary>
    private sealed class OneDnn(string name, nint dnnl, nint openMp) : BlasLibrary(name)
    {
        private readonly delegate* unmanaged<
            byte, byte, long, long, long, float, float*, long, float*, long, float, float*, long, int> sgemm =
            (delegate* unmanaged<byte, byte, long, long, long, float, float*, long, float*, long, float, float*, long, int>)
                NativeLibrary.GetExport(dnnl, "dnnl_sgemm");

        private readonly delegate* unmanaged<int, void> setThreads =
            (delegate* unmanaged<int, void>)NativeLibrary.GetExport(openMp, "omp_set_num_threads");

        public static OneDnn? TryLoad(string name) =>
            NativeLibrary.TryLoad($"{DebianLibraries}/libdnnl.so.2", out nint dnnl)
            && NativeLibrary.TryLoad("libgomp.so.1", out nint openMp) ? new OneDnn(name, dnnl, openMp) : null;

        public override void SetThreads(int threads) => setThreads(threads);

        public override void Sgemm(bool transposeA, bool transposeB, int m, int n, int k, float* a, float* b, float* c) => sgemm(
            (byte)(transposeA ? 'T' : 'N'), (byte)(transposeB ? 'T' : 'N'), m, n, k, 1, a, transposeA ? m : k, b, transposeB ? k : n,
            0, c, n);
    }

    /// <summary>OpenBLAS with its AVX-512 kernels (SkylakeX): by itself it takes AVX2 ones on processors newer than it is.</summary>
    private sealed class OpenBlas(string name, nint library) : BlasLibrary(name)
    {
        private const int RowMajor = 101, NoTranspose = 111, Transpose = 112;

        private readonly delegate* unmanaged<
            int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void> sgemm =
            (delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void>)
                NativeLibrary.GetExport(library, "cblas_sgemm");

        private readonly delegate* unmanaged<int, void> setThreads =
            (delegate* unmanaged<int, void>)NativeLibrary.GetExport(library, "openblas_set_num_threads");

        public static OpenBlas? TryLoad(string name)
        {
            _ = SetEnv("OPENBLAS_CORETYPE", "SkylakeX", 1);
            string path = $"{DebianLibraries}/openblas-pthread/libopenblas.so.0";
            return NativeLibrary.TryLoad(path, out nint library) ? new OpenBlas(name, library) : null;
        }

        public override void SetThreads(int threads) => setThreads(threads);

        public override void Sgemm(bool transposeA, bool transposeB, int m, int n, int k, float* a, float* b, float* c) => sgemm(
            RowMajor, transposeA ? Transpose : NoTranspose, transposeB ? Transpose : NoTranspose, m, n, k, 1, a, transposeA ? m : k,
            b, transposeB ? k : n, 0, c, n);
    }
}
