// Streams, events, copies and graphs. An eager stream runs work at once, a lazy one only when somebody waits: between them lies what a GPU
// may do.
#include "device.h"
#include <algorithm>
#include <cstring>
#include <memory>

std::set<Stream*>& streams = *new std::set<Stream*>;
std::set<void*>& events = *new std::set<void*>;
std::set<Graph*>& graphs = *new std::set<Graph*>;

struct Event { Stream* stream = nullptr; long long wanted = 0, reached = 0; };

static Stream* find(void* handle) { return streams.count((Stream*)handle) ? (Stream*)handle : nullptr; }
static void step(Stream* stream)
{
    const Operation next = std::move(stream->queue.front());
    stream->queue.pop_front();
    next();
}
static void drain(Stream* stream)
{
    while (!stream->queue.empty())
        step(stream);
}
void drain_all()
{
    for (Stream* stream : streams)
        drain(stream);
}
void destroy_streams()
{
    for (Stream* stream : streams)
        delete stream;
    for (void* event : events)
        delete (Event*)event;
    streams.clear();
    events.clear();
}
bool is_capturing()
{
    return std::any_of(streams.begin(), streams.end(), [](Stream* stream) { return stream->capture; });
}
Result submit(void* handle, Operation operation)
{
    Stream* stream = find(handle);
    if (!stream)
        return handle ? invalid_handle : capture_implicit;    // The legacy stream is not for us: it cannot be captured.
    if (stream->capture)
    {
        stream->capture->operations.push_back(operation);
        return success;
    }
    stream->queue.push_back(operation);
    if (!state.settings.lazy)
        drain(stream);
    return success;
}

API Result cuStreamCreate(void** stream, unsigned flags)
{
    ENTER_CONTEXT;
    if (flags != 1)
        return invalid_value;           // Only non-blocking streams can be captured.
    Stream* made = new Stream;
    streams.insert(made);
    *stream = made;
    return success;
}
API Result cuStreamDestroy_v2(void* handle)
{
    ENTER_CONTEXT;
    Stream* stream = find(handle);
    if (!stream)
        return invalid_handle;
    drain(stream);
    streams.erase(stream);
    delete stream;
    return success;
}
API Result cuStreamSynchronize(void* handle)
{
    ENTER_CONTEXT;
    Stream* stream = find(handle);
    if (!stream)
        return invalid_handle;
    if (stream->capture)
        return capture_unsupported;
    drain(stream);
    return state.sticky;
}

API Result cuEventCreate(void** event, unsigned)
{
    ENTER_CONTEXT;
    events.insert(*event = new Event);
    return success;
}
API Result cuEventDestroy_v2(void* event)
{
    ENTER_CONTEXT;
    if (!events.erase(event))
        return invalid_handle;
    drain_all();                        // Recordings still queued refer to it.
    delete (Event*)event;
    return success;
}
API Result cuEventRecord(void* handle, void* on)
{
    ENTER_CONTEXT;
    Event* event = (Event*)handle;
    Stream* stream = find(on);
    if (!events.count(event) || !stream)
        return invalid_handle;
    event->stream = stream;
    const long long wanted = ++event->wanted;
    return submit(on, [=] { event->reached = wanted; });
}
API Result cuEventSynchronize(void* handle)
{
    ENTER_CONTEXT;
    Event* event = (Event*)handle;
    if (!events.count(event))
        return invalid_handle;
    if (event->stream && event->stream->capture)
        return capture_unsupported;
    while (event->reached < event->wanted && !event->stream->queue.empty())
        step(event->stream);
    return state.sticky;
}

// Pageable memory is read before the call returns; pinned memory when the copy runs, as by a GPU.
API Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void* from, size_t bytes, void* stream)
{
    ENTER_CONTEXT;
    if (!is_allocated(to, bytes))
        return invalid_value;
    if (is_allocated((DevicePointer)from, bytes))
        return submit(stream, [=] { memcpy((void*)to, from, bytes); });
    const auto copy = std::make_shared<std::vector<char>>((const char*)from, (const char*)from + bytes);
    return submit(stream, [=] { memcpy((void*)to, copy->data(), bytes); });
}
API Result cuMemcpyDtoHAsync_v2(void* to, DevicePointer from, size_t bytes, void* stream)
{
    ENTER_CONTEXT;
    if (!is_allocated(from, bytes))
        return invalid_value;
    const Result submitted = submit(stream, [=] { memcpy(to, (void*)from, bytes); });
    if (!submitted && !is_allocated((DevicePointer)to, bytes) && !is_capturing())
        drain_all();                    // A copy to pageable memory is as good as synchronous.
    return submitted ? submitted : state.sticky;
}
API Result cuMemsetD8Async(DevicePointer p, unsigned char value, size_t bytes, void* stream)
{
    ENTER_CONTEXT;
    return is_allocated(p, bytes) ? submit(stream, [=] { memset((void*)p, value, bytes); }) : (Result)invalid_value;
}
