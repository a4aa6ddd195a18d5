// A software CUDA device: one shared library with those entry points of the driver, NVRTC and cuBLAS that the backend calls. Kernels are
// compiled by g++ with kernel_shim.h and every thread of a block runs as a fiber. For tests: right answers and strict checks, not speed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

using Result = int;                     // CUresult, nvrtcResult and cublasStatus_t are enums of the size of int.
using DevicePointer = unsigned long long;

enum : Result
{
    success = 0, invalid_value = 1, out_of_memory = 2, not_initialized = 3, no_device = 100, invalid_device = 101, invalid_image = 200,
    invalid_context = 201, unsupported_ptx = 222, invalid_handle = 400, not_found = 500, illegal_address = 700, launch_failed = 719,
    capture_unsupported = 900, capture_implicit = 906
};

// ---- state.cpp: one lock, settings, injected faults, and the error that a kernel left behind.

struct Settings { int lazy, order; unsigned seed; size_t memory; int driver_version, capability; };
struct State
{
    std::recursive_mutex lock;
    Settings settings = {0, 0, 1, size_t(1) << 32, 13000, 90};
    bool initialized = false;
    int primary_references = 0;
    Result sticky = success;            // A fault inside a kernel poisons the context, as on a GPU.
    std::string message;                // What that fault was, in words.
};
extern State& state;
extern thread_local void* current_context;
Result injected(const char* entry);     // The code to fail with at this call of this entry point, or 0.

#define ENTER std::lock_guard<std::recursive_mutex> guard(state.lock); if (Result code = injected(__func__)) return code
#define ENTER_CONTEXT                                                                                                                   \
    ENTER;                                                                                                                              \
    if (!state.initialized) return not_initialized;                                                                                     \
    if (!current_context) return invalid_context;                                                                                       \
    if (state.sticky) return state.sticky

// ---- memory.cpp: allocations between guard pages, filled with NaN.

struct Allocation { size_t size; char* mapping; size_t mapping_size; bool is_host; };
extern std::map<DevicePointer, Allocation>& allocations;
extern size_t used_memory;
bool is_allocated(DevicePointer p, size_t bytes);
const Allocation* overrun();            // An allocation of which bytes past the end were written, or null.
void release_all();

// ---- fibers.cpp: runs the threads of a block.

struct Uint3 { unsigned x, y, z; };
struct Thread { Uint3 tid, bid, bdim, gdim; int lane; };
struct KernelEntry { const char* name; void (*run)(void**); int count; const int* sizes; };
struct KernelHost                       // What a module calls back; kernel_shim.h has the same struct.
{
    void (*block_barrier)(int line);
    uint64_t (*warp)(int operation, unsigned mask, uint64_t value, int source, int line);
    void (*trap)(const char* why, int line);
};
struct Module { void* library; const KernelEntry* kernels; int count; Thread** current; };
extern std::set<Module*>& modules;
extern const KernelHost kernel_host;
void destroy_modules();
void on_worker(const std::function<void()>& job);
Result run_grid(Module* module, const KernelEntry* kernel, Uint3 grid, Uint3 block, void** arguments, std::string& message);

// ---- streams.cpp: queues of work, eager or lazy; captured work becomes a graph.

using Operation = std::function<void()>;
using Arguments = std::vector<std::vector<char>>;
struct Node { std::function<Operation()> make; std::shared_ptr<Arguments> arguments; };   // Arguments: of kernels, changeable until launched.
struct Graph { std::vector<std::shared_ptr<Node>> nodes; Node* last = nullptr; };
struct Stream { std::deque<Operation> queue; Graph* capture = nullptr; };
extern std::set<Stream*>& streams;
extern std::set<void*>& events;
extern std::set<Graph*>& graphs;
Result submit(void* stream, Operation operation);
Result submit(void* stream, std::function<Operation()> make, std::shared_ptr<Arguments> arguments);
bool is_capturing();
void drain_all();
void destroy_streams();
