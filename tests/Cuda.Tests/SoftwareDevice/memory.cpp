// Every allocation ends, rounded up to 64 bytes, at a megabyte of guard pages, and begins after one: what a kernel writes outside faults.
// New memory is NaN.
#include "device.h"
#include <algorithm>
#include <cstring>
#include <sys/mman.h>

std::map<DevicePointer, Allocation>& allocations = *new std::map<DevicePointer, Allocation>;
size_t used_memory;

static const size_t page = 4096, guard_bytes = 1 << 20, granule = 256;
static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

static Result allocate(DevicePointer* out, size_t size, bool is_host)
{
    if (!out || !size)
        return invalid_value;
    if (!is_host && used_memory + size > state.settings.memory)
        return out_of_memory;
    const size_t body = round_up(size, granule), inner = round_up(body, page), total = inner + 2 * guard_bytes;
    char* mapping = (char*)mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED || mprotect(mapping + guard_bytes, inner, PROT_READ | PROT_WRITE))
        return out_of_memory;
    char* start = mapping + guard_bytes + inner - body;
    memset(mapping + guard_bytes, 0xFF, inner);
    *out = (DevicePointer)start;
    allocations[*out] = {size, mapping, total, is_host};
    used_memory += is_host ? 0 : size;
    return success;
}
static Result release(DevicePointer p, bool is_host)
{
    const auto found = allocations.find(p);
    if (found == allocations.end() || found->second.is_host != is_host)
        return invalid_value;
    used_memory -= is_host ? 0 : found->second.size;
    munmap(found->second.mapping, found->second.mapping_size);
    allocations.erase(found);
    return success;
}
bool is_allocated(DevicePointer p, size_t bytes)
{
    auto after = allocations.upper_bound(p);
    return after != allocations.begin() && (--after, p + bytes <= after->first + after->second.size);
}
const Allocation* overrun()
{
    for (const auto& [start, allocation] : allocations)
        for (size_t i = allocation.size; i < round_up(allocation.size, granule); i++)
            if (((unsigned char*)start)[i] != 0xFF)
                return &allocation;
    return nullptr;
}
void release_all()
{
    for (const auto& [start, allocation] : allocations)
        munmap(allocation.mapping, allocation.mapping_size);
    allocations.clear();
    used_memory = 0;
}

API Result cuMemAlloc_v2(DevicePointer* p, size_t size)
{
    ENTER_CONTEXT;
    return is_capturing() ? (Result)capture_unsupported : allocate(p, size, false);
}
API Result cuMemFree_v2(DevicePointer p)
{
    ENTER_CONTEXT;
    if (is_capturing())
        return capture_unsupported;
    drain_all();                        // The driver waits for work that may use the memory.
    return p ? release(p, false) : success;
}
API Result cuMemHostAlloc(void** p, size_t size, unsigned)
{
    ENTER_CONTEXT;
    return is_capturing() ? (Result)capture_unsupported : allocate((DevicePointer*)p, size, true);
}
API Result cuMemFreeHost(void* p)
{
    ENTER_CONTEXT;
    if (is_capturing())
        return capture_unsupported;
    drain_all();
    return release((DevicePointer)p, true);
}
API Result cuMemGetInfo_v2(size_t* free, size_t* total)
{
    ENTER_CONTEXT;
    *total = state.settings.memory;
    *free = state.settings.memory - used_memory;
    return success;
}
