// The build does not know its final prefix: cpack and `cmake --install --prefix` choose it later.
#include "base/installed.hpp"

#include <sys/auxv.h>
#include <version.hpp>

#include <filesystem>

namespace pbx {

std::string running_program() {
    std::error_code failed;
    auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
    if (!failed)
        return program.native();
    // Without /proc, as in a plain chroot, use the executed path, which getauxval() returns as a number.
    // NOLINTNEXTLINE(performance-no-int-to-ptr,cppcoreguidelines-pro-type-reinterpret-cast)
    const auto* executed = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    return executed == nullptr ? std::string{} : std::filesystem::canonical(executed, failed).native();
}

std::string installed_folder(const char* name) {
    std::error_code failed;
    const auto configured = std::filesystem::path{data_folder} / name;
    const std::filesystem::path program{running_program()};
    if (program.empty())
        return configured.native();
    const auto beside = (program.parent_path() / data_from_bin / "pbx-recording-tools" / name).lexically_normal();
    return std::filesystem::is_directory(beside, failed) ? beside.native() : configured.native();
}

std::string installed_tool(const std::string& name) {
    std::error_code failed;
    const auto folder = std::filesystem::path{running_program()}.parent_path();
    for (const auto& tool : {folder / name, (folder / "../lib/pbx-recording-tools" / name).lexically_normal()})
        if (std::filesystem::exists(tool, failed))
            return tool.native();
    return {};
}

} // namespace pbx
