// Runs a grid, one block after another, on one thread of the system: every thread of a block is a fiber that gives way at barriers and
// warp primitives. The order of threads and blocks is forward, reverse or random: a result that depends on it is a race.
#include "device.h"
#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <link.h>
#include <random>
#include <sys/mman.h>
#include <thread>
#include <ucontext.h>

enum class Wait { ready, block, warp, done };
struct Fiber { Thread thread; void* stack_pointer; Wait wait; int line; unsigned mask; int operation, source, warp; uint64_t value, result; };

static const size_t stack_size = 64 * 1024, most_threads = 1024;
static char* stacks;
static std::vector<Fiber>& fibers = *new std::vector<Fiber>;
static Fiber* running;
static void* scheduler;
static void (*kernel_run)(void**);
static void** kernel_arguments;
static volatile bool in_kernel;
static bool aborted;
static Result failure;
static std::string& failure_message = *new std::string;
static unsigned arrived[most_threads / 32], gone[most_threads / 32];

// Saves the callee-saved registers on this stack, and takes up where the other stack left off.
extern "C" void softcuda_switch(void** save, void* load);
asm(".text\n.globl softcuda_switch\n.hidden softcuda_switch\nsoftcuda_switch:\n"
    "push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\nret\n");

static void give_way() { softcuda_switch(&running->stack_pointer, scheduler); }
[[noreturn]] static void finish()
{
    running->wait = Wait::done;
    gone[running->warp] |= 1u << running->thread.lane;
    for (;;)
        give_way();
}
static void fiber_main()
{
    kernel_run(kernel_arguments);
    finish();
}
[[noreturn]] static void die(Result code, const std::string& why)
{
    if (!aborted)
    {
        const Thread& t = running->thread;
        failure_message = why + " (block " + std::to_string(t.bid.x) + ", thread " + std::to_string(t.tid.x) + ")";
        failure = code;
        aborted = true;
    }
    finish();
}
static void die_of_address() { die(illegal_address, "a kernel touched an address outside every allocation"); }

static void block_barrier(int line)
{
    running->wait = Wait::block;
    running->line = line;
    give_way();
    if (aborted)
        finish();
}

// Operation 0 is a barrier, 1 a shuffle. It is done once all lanes of the mask that have not left the kernel are there.
static uint64_t warp(int operation, unsigned mask, uint64_t value, int source, int line)
{
    Fiber& me = *running;
    Fiber* lanes = &fibers[me.warp * 32];
    const int count = std::min<int>(32, (int)fibers.size() - me.warp * 32);
    if (!(mask >> me.thread.lane & 1))
        die(launch_failed, "a thread called a warp primitive with a mask that leaves itself out");
    me.wait = Wait::warp, me.line = line, me.mask = mask, me.operation = operation, me.source = source, me.value = value;
    arrived[me.warp] |= 1u << me.thread.lane;
    const unsigned expected = mask & ~gone[me.warp] & (count == 32 ? ~0u : (1u << count) - 1);
    bool complete = (expected & ~arrived[me.warp]) == 0;
    for (int l = 0; l < count && complete; l++)
        complete = !(expected >> l & 1) || (lanes[l].mask == mask && lanes[l].operation == operation);
    if (!complete)
    {
        give_way();
        if (aborted)
            finish();
        return me.result;
    }
    arrived[me.warp] &= ~expected;
    for (int l = 0; l < count; l++)
        if (expected >> l & 1)
        {
            const int from = lanes[l].source & 31;
            lanes[l].result = expected >> from & 1 ? lanes[from].value : ~0ull;    // A lane that is not there gives NaN.
            lanes[l].wait = Wait::ready;
        }
    return me.result;
}
static void trap(const char* why, int line) { die(launch_failed, std::string(why) + " at line " + std::to_string(line)); }
const KernelHost kernel_host = {block_barrier, warp, trap};

// Shared variables are the module's thread-local storage: NaN before each block.
static void poison_shared(Module* module)
{
    struct Search { uintptr_t inside; void* storage; size_t size; } search{(uintptr_t)module->kernels, nullptr, 0};
    dl_iterate_phdr([](dl_phdr_info* info, size_t, void* data)
    {
        auto* search = (Search*)data;
        bool found = false;
        size_t size = 0;
        for (int i = 0; i < info->dlpi_phnum; i++)
        {
            const auto& header = info->dlpi_phdr[i];
            const uintptr_t start = info->dlpi_addr + header.p_vaddr;
            found |= header.p_type == PT_LOAD && search->inside >= start && search->inside < start + header.p_memsz;
            size = header.p_type == PT_TLS ? header.p_memsz : size;
        }
        if (found)
            search->storage = info->dlpi_tls_data, search->size = size;
        return found ? 1 : 0;
    }, &search);
    Thread* keep = *module->current;
    if (search.storage)
        memset(search.storage, 0xFF, search.size);
    *module->current = keep;
}

static std::vector<int> thread_order(int count, Uint3 block)
{
    std::vector<int> order(count);
    for (int i = 0; i < count; i++)
        order[i] = i;
    if (state.settings.order == 1)
        std::reverse(order.begin(), order.end());
    if (state.settings.order == 2)      // Warps in a random order, and lanes within each.
    {
        std::mt19937 random(state.settings.seed + block.x * 7919);
        std::vector<unsigned> warp_keys((count + 31) / 32), keys(count);
        for (unsigned& key : warp_keys)
            key = random();
        for (unsigned& key : keys)
            key = random();
        std::sort(order.begin(), order.end(), [&](int a, int b)
        {
            return a / 32 == b / 32 ? keys[a] < keys[b] : std::make_pair(warp_keys[a / 32], a / 32) < std::make_pair(warp_keys[b / 32], b / 32);
        });
    }
    return order;
}

// Runs every ready thread, one warp until all its lanes wait, then the next; returns how many finished.
static int run_ready(Module* module, const std::vector<int>& order)
{
    int finished = 0;
    for (size_t i = 0; i < order.size();)
    {
        size_t end = i;
        while (end < order.size() && order[end] / 32 == order[i] / 32)
            end++;
        for (bool again = true; again;)
        {
            again = false;
            for (size_t k = i; k < end && !aborted; k++)
            {
                Fiber& fiber = fibers[order[k]];
                if (fiber.wait != Wait::ready)
                    continue;
                again = true;
                running = &fiber;
                *module->current = &fiber.thread;
                softcuda_switch(&scheduler, fiber.stack_pointer);
                finished += fiber.wait == Wait::done;
            }
        }
        i = end;
    }
    return finished;
}

// All threads that have not left the kernel must wait at one barrier; anything else is a deadlock.
static void release_barrier()
{
    int line = -1;
    std::string wrong;
    for (const Fiber& fiber : fibers)
    {
        if (fiber.wait == Wait::warp)
            wrong = "deadlock: the warp primitive at line " + std::to_string(fiber.line) + " names lanes that never reach it";
        if (fiber.wait == Wait::block && line >= 0 && fiber.line != line)
            wrong = "threads of a block wait at different __syncthreads()";
        line = fiber.wait == Wait::block ? fiber.line : line;
    }
    for (Fiber& fiber : fibers)
        fiber.wait = fiber.wait == Wait::block ? Wait::ready : fiber.wait;
    if (!wrong.empty() && !aborted)
        failure_message = wrong, failure = launch_failed, aborted = true;
}

static void run_block(Module* module, Uint3 at, Uint3 block, Uint3 grid)
{
    const int count = block.x * block.y * block.z;
    poison_shared(module);
    fibers.assign(count, {});
    memset(arrived, 0, sizeof arrived);
    memset(gone, 0, sizeof gone);
    for (int i = 0; i < count; i++)
    {
        Fiber& fiber = fibers[i];
        fiber.thread = {{i % block.x, i / block.x % block.y, i / (block.x * block.y)}, at, block, grid, i % 32};
        fiber.wait = Wait::ready;
        fiber.warp = i / 32;
        void** top = (void**)(stacks + (i + 1) * stack_size - 128);
        *--top = nullptr;               // fiber_main returns nowhere.
        *--top = (void*)&fiber_main;
        fiber.stack_pointer = top - 6;  // Six registers, of any value.
    }
    const std::vector<int> order = thread_order(count, at);
    in_kernel = true;
    for (int done = 0; !aborted;)
    {
        done += run_ready(module, order);
        if (done == count)
            break;
        release_barrier();
    }
    in_kernel = false;
}

// ---- The worker: a thread of its own, so that the runtime's signals and stack checks never see a fiber.

static struct sigaction old_handler;
static thread_local bool is_worker;
static void on_fault(int signal, siginfo_t* info, void* context)
{
    if (is_worker && in_kernel)         // Resume on the fiber's own stack, rewound, with the report of the fault.
    {
        auto* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
        registers[REG_RSP] = (greg_t)(stacks + (running - fibers.data() + 1) * stack_size - 128 - 8);
        registers[REG_RIP] = (greg_t)&die_of_address;
        return;
    }
    if (old_handler.sa_flags & SA_SIGINFO)
        old_handler.sa_sigaction(signal, info, context);
    else if (old_handler.sa_handler != SIG_DFL && old_handler.sa_handler != SIG_IGN)
        old_handler.sa_handler(signal);
    else
        ::signal(SIGSEGV, SIG_DFL);
}

// Never destroyed: the worker waits on them when the process exits.
static std::mutex& worker_lock = *new std::mutex;
static std::condition_variable& worker_wakes = *new std::condition_variable;
static const std::function<void()>* worker_job;

static void worker_main()
{
    is_worker = true;
    sigset_t blocked;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    stack_t handler_stack{};
    handler_stack.ss_sp = malloc(65536);
    handler_stack.ss_size = 65536;
    sigaltstack(&handler_stack, nullptr);
    std::unique_lock<std::mutex> hold(worker_lock);
    for (;;)
    {
        worker_wakes.wait(hold, [] { return worker_job; });
        hold.unlock();
        (*worker_job)();
        hold.lock();
        worker_job = nullptr;
        worker_wakes.notify_all();
    }
}
static void start_worker()
{
    stacks = (char*)mmap(nullptr, most_threads * stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t i = 0; i < most_threads; i++)
        mprotect(stacks + i * stack_size, 4096, PROT_NONE);
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &old_handler);
    std::thread(worker_main).detach();
}
void on_worker(const std::function<void()>& job)
{
    if (is_worker)
        return job();
    static std::once_flag once;
    std::call_once(once, start_worker);
    std::unique_lock<std::mutex> hold(worker_lock);
    worker_job = &job;
    worker_wakes.notify_all();
    worker_wakes.wait(hold, [] { return !worker_job; });
}

Result run_grid(Module* module, const KernelEntry* kernel, Uint3 grid, Uint3 block, void** arguments, std::string& message)
{
    aborted = false;
    kernel_run = kernel->run;
    kernel_arguments = arguments;
    on_worker([&]
    {
        for (unsigned x = 0; x < grid.x && !aborted; x++)
            run_block(module, {state.settings.order == 1 ? grid.x - 1 - x : x, 0, 0}, block, grid);
    });
    const Allocation* written_past = aborted ? nullptr : overrun();
    if (written_past)
        failure_message = "wrote past the end of an allocation of " + std::to_string(written_past->size) + " bytes", failure = illegal_address;
    message = failure_message;
    return aborted || written_past ? failure : success;
}
