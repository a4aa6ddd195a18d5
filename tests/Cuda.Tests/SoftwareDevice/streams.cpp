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
    return submit(handle, [=] { return operation; }, nullptr);
}
Result submit(void* handle, std::function<Operation()> make, std::shared_ptr<Arguments> arguments)
{
    Stream* stream = find(handle);
    if (!stream)
        return handle ? invalid_handle : capture_implicit;    // The legacy stream is not for us: it cannot be captured.
    if (stream->capture)
    {
        stream->capture->nodes.push_back(std::make_shared<Node>(Node{make, arguments}));
        stream->capture->last = stream->capture->nodes.back().get();
        return success;
    }
    stream->queue.push_back(make());
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
API Result cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes, void* stream)
{
    ENTER_CONTEXT;
    if (!is_allocated(to, bytes) || !is_allocated(from, bytes))
        return invalid_value;
    return submit(stream, [=] { memcpy((void*)to, (void*)from, bytes); });
}
API Result cuMemsetD8Async(DevicePointer p, unsigned char value, size_t bytes, void* stream)
{
    ENTER_CONTEXT;
    return is_allocated(p, bytes) ? submit(stream, [=] { memset((void*)p, value, bytes); }) : (Result)invalid_value;
}

// ---- Graphs. A graph and what is instantiated from it share their nodes; a launch takes the arguments of the moment.

API Result cuStreamBeginCapture_v2(void* handle, int mode)
{
    ENTER_CONTEXT;
    Stream* stream = find(handle);
    if (!stream || stream->capture || mode != 1)
        return invalid_value;
    stream->capture = new Graph;
    return success;
}
API Result cuStreamGetCaptureInfo_v2(void* handle, int* status, unsigned long long* number, void** graph, Node*** dependencies, size_t* count)
{
    ENTER_CONTEXT;
    Stream* stream = find(handle);
    if (!stream)
        return invalid_handle;
    *status = stream->capture ? 1 : 0;
    *number = 1;
    *graph = stream->capture;
    *count = stream->capture && stream->capture->last ? 1 : 0;
    *dependencies = stream->capture ? &stream->capture->last : nullptr;
    return success;
}
API Result cuStreamEndCapture(void* handle, Graph** graph)
{
    ENTER_CONTEXT;
    Stream* stream = find(handle);
    if (!stream || !stream->capture)
        return invalid_value;
    graphs.insert(*graph = stream->capture);
    stream->capture = nullptr;
    return success;
}
API Result cuGraphInstantiateWithFlags(Graph** executable, Graph* graph, unsigned long long flags)
{
    ENTER_CONTEXT;
    if (!graphs.count(graph) || flags)
        return invalid_value;
    graphs.insert(*executable = new Graph(*graph));
    return success;
}
struct KernelNodeParameters { void* function; unsigned grid[3], block[3], shared; void **arguments, **extra; };
API Result cuGraphExecKernelNodeSetParams(Graph* executable, Node* node, const KernelNodeParameters* parameters)
{
    ENTER_CONTEXT;
    const bool known = graphs.count(executable) && std::any_of(executable->nodes.begin(), executable->nodes.end(), [=](const auto& n) { return n.get() == node; });
    if (!known || !node->arguments || !parameters->function)
        return invalid_value;
    for (size_t i = 0; i < node->arguments->size(); i++)
        memcpy((*node->arguments)[i].data(), parameters->arguments[i], (*node->arguments)[i].size());
    return success;
}
API Result cuGraphLaunch(Graph* executable, void* stream)
{
    ENTER_CONTEXT;
    if (!graphs.count(executable))
        return invalid_value;
    const auto operations = std::make_shared<std::vector<Operation>>();
    for (const auto& node : executable->nodes)
        operations->push_back(node->make());
    return submit(stream, [=] { for (const Operation& operation : *operations) operation(); });
}
static Result destroy(Graph* graph)
{
    if (!graphs.erase(graph))
        return invalid_value;
    delete graph;
    return success;
}
API Result cuGraphDestroy(Graph* graph)
{
    ENTER_CONTEXT;
    return destroy(graph);
}
API Result cuGraphExecDestroy(Graph* executable)
{
    ENTER_CONTEXT;
    return destroy(executable);
}
