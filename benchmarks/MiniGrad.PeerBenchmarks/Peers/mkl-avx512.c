/* Preloaded, this makes the MKL inside libtorch take its AVX-512 kernels on a processor that Intel did not make; there it takes AVX2 by
 * itself. On an Intel processor it changes nothing. Undocumented and unsupported: it shows what the same library can do. */
int mkl_serv_intel_cpu_true(void) { return 1; }
int mkl_serv_intel_cpu(void) { return 1; }
