// The build does not know its final prefix: cpack and `cmake --install --prefix` choose it later.
#include "base/installed.hpp"

#include <sys/auxv.h>
#include <version.hpp>

#include <filesystem>

namespace pbx {

namespace {

std::filesystem::path running_program() {
    std::error_code failed;
    auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
    if (!failed)
        return program;
    // Without /proc, as in a plain chroot, use the executed path, which getauxval() returns as a number.
    // NOLINTNEXTLINE(performance-no-int-to-ptr,cppcoreguidelines-pro-type-reinterpret-cast)
    const auto* executed = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    return executed == nullptr ? std::filesystem::path{} : std::filesystem::canonical(executed, failed);
}

} // namespace

std::string installed_folder(const char* name) {
    std::error_code failed;
    const auto configured = std::filesystem::path{data_folder} / name;
    const auto program = running_program();
    if (program.empty())
        return configured.native();
    const auto beside = (program.parent_path() / data_from_bin / "pbx-recording-tools" / name).lexically_normal();
    return std::filesystem::is_directory(beside, failed) ? beside.native() : configured.native();
}

} // namespace pbx
