// Modules and launches. An image is "SOFTCUBIN" and a shared library; PTX is a line of text and the same.
#include "device.h"
#include "images.h"
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <memory>
#include <unistd.h>

std::set<Module*>& modules = *new std::set<Module*>;
struct Function { Module* module; const KernelEntry* entry; };
static std::set<Function*>& functions = *new std::set<Function*>;

API Result cuModuleLoadData(void** out, const void* image)
{
    ENTER_CONTEXT;
    const auto* head = (const ImageHead*)image;
    if (!memcmp(head->magic, ptx_magic, sizeof ptx_magic) && head->version > state.settings.driver_version)
        return unsupported_ptx;         // Made by a newer compiler than the driver's.
    if (memcmp(head->magic, ptx_magic, sizeof ptx_magic) && memcmp(head->magic, cubin_magic, sizeof cubin_magic))
        return invalid_image;
    // A fresh name: for a known one the loader hands out the library it has.
    std::string path = std::filesystem::temp_directory_path() / "softcuda-XXXXXX";
    const int file = mkstemp(path.data());
    if (file < 0 || write(file, head + 1, head->size) != (ssize_t)head->size)
        return out_of_memory;
    close(file);
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    unlink(path.c_str());
    if (!library)
        return state.message = dlerror(), invalid_image;
    auto* module = new Module{library, (const KernelEntry*)dlsym(library, "softcuda_kernels"), *(int*)dlsym(library, "softcuda_kernel_count"), nullptr};
    *(KernelHost*)dlsym(library, "softcuda_host") = kernel_host;
    on_worker([&] { module->current = ((Thread** (*)())dlsym(library, "softcuda_current_slot"))(); });
    modules.insert(module);
    *out = module;
    return success;
}
static void destroy(Module* module)
{
    for (auto i = functions.begin(); i != functions.end();)
        i = (*i)->module == module ? (delete *i, functions.erase(i)) : std::next(i);
    dlclose(module->library);
    modules.erase(module);
    delete module;
}
void destroy_modules()
{
    while (!modules.empty())
        destroy(*modules.begin());
}
API Result cuModuleUnload(void* handle)
{
    ENTER_CONTEXT;
    drain_all();
    if (!modules.count((Module*)handle))
        return invalid_handle;
    destroy((Module*)handle);
    return success;
}
API Result cuModuleGetFunction(void** function, void* handle, const char* name)
{
    ENTER_CONTEXT;
    auto* module = (Module*)handle;
    for (int i = 0; i < module->count; i++)
        if (!strcmp(module->kernels[i].name, name))
            return *function = *functions.insert(new Function{module, &module->kernels[i]}).first, success;
    return not_found;
}
API Result cuLaunchKernel(
    void* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
    void* stream, void** arguments, void** extra)
{
    ENTER_CONTEXT;
    auto* function = (Function*)handle;
    if (!functions.count(function))
        return invalid_handle;
    if (!grid_x || grid_x > 2147483647u || grid_y != 1 || grid_z != 1 || !block_x || block_x > 1024 || block_y != 1 || block_z != 1 || shared || extra)
        return invalid_value;           // The backend launches rows of blocks of rows of threads, nothing else.
    // Arguments are copied by their sizes during the call, as the driver does.
    const auto copies = std::make_shared<Arguments>();
    for (int i = 0; i < function->entry->count; i++)
        copies->emplace_back((char*)arguments[i], (char*)arguments[i] + function->entry->sizes[i]);
    Module* module = function->module;
    const KernelEntry* entry = function->entry;
    return submit(stream, [=]() -> Operation
    {
        const auto given = std::make_shared<Arguments>(*copies);
        return [=]
        {
            if (state.sticky)
                return;
            std::vector<void*> pointers;
            for (auto& argument : *given)
                pointers.push_back(argument.data());
            std::string message;
            state.sticky = run_grid(module, entry, {grid_x, 1, 1}, {block_x, 1, 1}, pointers.data(), message);
            if (state.sticky)
                state.message = std::string(entry->name) + ": " + message;
        };
    }, copies);
}
