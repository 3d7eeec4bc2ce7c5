// The build does not know the last word about its prefix: cpack and `cmake --install --prefix` choose it later.
#include "base/installed.hpp"

#include <version.hpp>

#include <filesystem>

namespace pbx {

std::string installed_migrations() {
    std::error_code failed;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
    if (!failed) {
        const auto beside =
            (program.parent_path() / data_from_bin / "pbx-recording-tools/migrations").lexically_normal();
        if (std::filesystem::is_directory(beside, failed))
            return beside.native();
    }
    return migrations_folder;
}

} // namespace pbx
