// NVRTC: writes the shim, the source and a table of its kernels to a file, and has g++ make a shared library of it. The same source is
// compiled once per process.
#include "device.h"
#include "images.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <regex>
#include <unistd.h>

enum : Result { compilation_error = 6, invalid_option = 5, invalid_program = 4 };
extern long long live_programs;
struct Program { std::string source, name, library, log; bool is_ptx = false; };
static std::map<std::string, std::string>& compiled = *new std::map<std::string, std::string>;

static std::string read(const std::string& path)
{
    std::string content;
    if (FILE* file = fopen(path.c_str(), "rb"))
    {
        char part[65536];
        for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;)
            content.append(part, n);
        fclose(file);
    }
    return content;
}
static void write(const std::string& path, const std::string& content)
{
    if (FILE* file = fopen(path.c_str(), "wb"))
    {
        fwrite(content.data(), 1, content.size(), file);
        fclose(file);
    }
}
static std::string shim()
{
    Dl_info here;
    dladdr((void*)&shim, &here);
    const std::string path = here.dli_fname;
    return read(path.substr(0, path.rfind('/')) + "/kernel_shim.h");
}
static std::string with_kernel_table(const Program& program)
{
    static const std::regex kernel("extern \"C\" __global__ void (\\w+)\\(");
    std::string table;
    for (std::sregex_iterator i(program.source.begin(), program.source.end(), kernel), end; i != end; ++i)
    {
        const std::string name = (*i)[1];
        table += "{\"" + name + "\", &ShimThunk<&" + name + ">::run, ShimThunk<&" + name + ">::count, ShimThunk<&" + name + ">::sizes},\n";
    }
    return shim() + "\n#line 1 \"" + program.name + "\"\n" + program.source + "\nextern \"C\" {\nextern const ShimKernel softcuda_kernels[] = {" +
           table + "};\nextern const int softcuda_kernel_count = sizeof softcuda_kernels / sizeof(ShimKernel);\n}\n";
}

API const char* nvrtcGetErrorString(Result result) { return result == compilation_error ? "NVRTC_ERROR_COMPILATION" : result ? "NVRTC_ERROR" : "NVRTC_SUCCESS"; }
API Result nvrtcGetNumSupportedArchs(int* count)
{
    ENTER;
    *count = 3;
    return success;
}
API Result nvrtcGetSupportedArchs(int* architectures)
{
    ENTER;
    architectures[0] = 75, architectures[1] = 80, architectures[2] = 90;
    return success;
}
API Result nvrtcCreateProgram(void** program, const char* source, const char* name, int, const char* const*, const char* const*)
{
    ENTER;
    *program = new Program{source, name, {}, {}};
    live_programs++;
    return success;
}
API Result nvrtcDestroyProgram(void** program)
{
    ENTER;
    delete (Program*)*program;
    *program = nullptr;
    live_programs--;
    return success;
}
API Result nvrtcCompileProgram(void* handle, int count, const char* const* options)
{
    ENTER;
    auto& program = *(Program*)handle;
    for (int i = 0; i < count; i++)
    {
        const std::string option = options[i];
        if (!std::regex_match(option, std::regex("--gpu-architecture=(sm|compute)_(75|80|90)|--std=c\\+\\+17|-lineinfo")))
            return program.log = "unrecognized option " + option + "\n", invalid_option;
        program.is_ptx |= option.rfind("--gpu-architecture=compute_", 0) == 0;
    }
    const std::string text = with_kernel_table(program);
    if (const auto known = compiled.find(text); known != compiled.end())
        return program.library = known->second, success;
    std::string directory = std::filesystem::temp_directory_path() / "softcuda-nvrtc-XXXXXX";
    if (!mkdtemp(directory.data()))
        return invalid_program;
    const std::string base = directory + "/kernel";
    write(base + ".cpp", text);
    // Each module has symbols of its own, also for statics of templates, which a unique binding would share between float and double.
    const std::string command = "g++ -std=c++17 -O1 -fPIC -shared -ffp-contract=off -fno-gnu-unique -ftls-model=global-dynamic -Wno-unknown-pragmas -o " + base +
                                ".so " + base + ".cpp -lm 2> " + base + ".log";
    const int status = system(command.c_str());
    program.log = read(base + ".log");
    program.library = status ? "" : read(base + ".so");
    for (const char* ending : {".cpp", ".so", ".log"})
        unlink((base + ending).c_str());
    rmdir(directory.c_str());
    if (status)
        return compilation_error;
    compiled[text] = program.library;
    return success;
}

static size_t image_size(const Program& program) { return program.library.empty() ? 0 : program.library.size() + sizeof(ImageHead); }
static void write_image(const Program& program, const char* magic, char* to)
{
    ImageHead head{{}, 13000, (unsigned)program.library.size()};
    memcpy(head.magic, magic, sizeof head.magic);
    memcpy(to, &head, sizeof head);
    memcpy(to + sizeof head, program.library.data(), program.library.size());
}
API Result nvrtcGetCUBINSize(void* handle, size_t* size)
{
    ENTER;
    auto& program = *(Program*)handle;
    *size = program.is_ptx ? 0 : image_size(program);
    return success;
}
API Result nvrtcGetCUBIN(void* handle, char* to)
{
    ENTER;
    auto& program = *(Program*)handle;
    if (program.is_ptx)
        return invalid_program;
    write_image(program, cubin_magic, to);
    return success;
}
API Result nvrtcGetPTXSize(void* handle, size_t* size)
{
    ENTER;
    *size = image_size(*(Program*)handle);
    return success;
}
API Result nvrtcGetPTX(void* handle, char* to)
{
    ENTER;
    write_image(*(Program*)handle, ptx_magic, to);
    return success;
}
API Result nvrtcGetProgramLogSize(void* handle, size_t* size)
{
    ENTER;
    *size = ((Program*)handle)->log.size() + 1;
    return success;
}
API Result nvrtcGetProgramLog(void* handle, char* to)
{
    ENTER;
    const std::string& log = ((Program*)handle)->log;
    memcpy(to, log.c_str(), log.size() + 1);
    return success;
}
