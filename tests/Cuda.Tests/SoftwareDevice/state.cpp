// Settings, faults on demand, the device's facts and errors, and the counts that the leak tests read.
#include "device.h"
#include <cstdio>
#include <cstring>

// Never destroyed: the worker thread may still run when the process exits.
State& state = *new State;
thread_local void* current_context;

struct Fault { std::string entry; int nth; Result code; };
static std::vector<Fault>& faults = *new std::vector<Fault>;
static std::map<std::string, int>& calls = *new std::map<std::string, int>;

Result injected(const char* entry)
{
    const int nth = ++calls[entry];
    for (const Fault& fault : faults)
        if (fault.entry == entry && fault.nth == nth)
            return fault.code;
    return success;
}

// ---- What tests call.

struct Counts { long long allocations, bytes, streams, events, modules, graphs, contexts, blas_handles, programs; };
long long live_blas_handles, live_programs;

API void softcuda_configure(const Settings* settings)
{
    std::lock_guard<std::recursive_mutex> guard(state.lock);
    state.settings = *settings;
}
API void softcuda_fault(const char* entry, int nth, int code)
{
    std::lock_guard<std::recursive_mutex> guard(state.lock);
    faults.push_back({entry, nth, code});
    calls[entry] = 0;
}
API void softcuda_clear_faults()
{
    std::lock_guard<std::recursive_mutex> guard(state.lock);
    faults.clear();
    calls.clear();
}
API int softcuda_calls(const char* entry)
{
    std::lock_guard<std::recursive_mutex> guard(state.lock);
    return calls[entry];
}
API void softcuda_counts(Counts* counts)
{
    std::lock_guard<std::recursive_mutex> guard(state.lock);
    *counts = {(long long)allocations.size(), (long long)used_memory, (long long)streams.size(), (long long)events.size(), (long long)modules.size(),
               (long long)graphs.size(), state.primary_references, live_blas_handles, live_programs};
}
API const char* softcuda_message() { return state.message.c_str(); }

// ---- Driver: start, device, context.

API Result cuInit(unsigned flags)
{
    ENTER;
    if (flags)
        return invalid_value;
    state.initialized = true;
    return success;
}
API Result cuDriverGetVersion(int* version)
{
    ENTER;
    *version = state.settings.driver_version;
    return success;
}
API Result cuDeviceGetCount(int* count)
{
    ENTER;
    *count = 1;
    return state.initialized ? success : not_initialized;
}
API Result cuDeviceGet(int* device, int ordinal)
{
    ENTER;
    *device = 0;
    return !state.initialized ? not_initialized : ordinal ? invalid_device : success;
}
API Result cuDeviceGetName(char* name, int length, int)
{
    ENTER;
    snprintf(name, length, "Software device");
    return success;
}
API Result cuDeviceGetAttribute(int* value, int attribute, int)
{
    ENTER;
    switch (attribute)
    {
        case 16: *value = 4; return success;    // Multiprocessors: few, so that grids are small.
        case 75: *value = state.settings.capability / 10; return success;
        case 76: *value = state.settings.capability % 10; return success;
        default: return invalid_value;
    }
}
API Result cuDevicePrimaryCtxRetain(void** context, int device)
{
    ENTER;
    if (!state.initialized)
        return not_initialized;
    if (device)
        return invalid_device;
    if (state.sticky)
        return state.sticky;
    state.primary_references++;
    *context = &state;
    return success;
}
API Result cuDevicePrimaryCtxRelease_v2(int)
{
    ENTER;
    if (state.primary_references == 0)
        return invalid_context;
    if (--state.primary_references == 0)
    {
        drain_all();
        release_all();
        if (state.sticky)               // Nothing could be destroyed any more: the context takes it all with it.
            destroy_streams(), destroy_modules();
        state.sticky = success;         // A new context starts afresh; on a GPU it takes a new process.
    }
    return success;
}
API Result cuCtxSetCurrent(void* context)
{
    ENTER;
    current_context = context;
    return success;
}

// ---- Errors.

static const struct { Result code; const char *name, *text; } known_errors[] = {
    {invalid_value, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {out_of_memory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {not_initialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {no_device, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {invalid_device, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {invalid_image, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {invalid_context, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {unsupported_ptx, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {invalid_handle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {not_found, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {illegal_address, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {launch_failed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {capture_unsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {capture_implicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "operation would make the legacy stream depend on a capturing stream"},
};

API Result cuGetErrorName(Result code, const char** name)
{
    for (const auto& known : known_errors)
        if (known.code == code)
            return *name = known.name, success;
    return *name = nullptr, invalid_value;
}
API Result cuGetErrorString(Result code, const char** text)
{
    for (const auto& known : known_errors)
        if (known.code == code)
            return *text = known.text, success;
    return *text = nullptr, invalid_value;
}
