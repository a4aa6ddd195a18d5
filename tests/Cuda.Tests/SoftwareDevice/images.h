// What the software NVRTC makes and the software driver loads.
#pragma once
static const char cubin_magic[8] = {'S', 'O', 'F', 'T', 'B', 'I', 'N', 0}, ptx_magic[8] = {'/', '/', 's', 'o', 'f', 't', '\n', 0};
struct ImageHead { char magic[8]; int version; unsigned size; };
