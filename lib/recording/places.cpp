// Defaults that follow from the spool.
#include "recording/places.hpp"

#include "base/error.hpp"

#include <filesystem>

namespace pbx::recording {

namespace {

// Absolute and without "..", "." and a last slash; links are followed as far as the path exists.
std::filesystem::path plain(const std::string& path) {
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(path, failed);
    const auto result = failed ? absolute : std::filesystem::weakly_canonical(absolute, failed);
    if (failed)
        throw system_error(Exit::io, "cannot look at folder " + path, failed.value());
    return result.has_filename() ? result : result.parent_path();
}

} // namespace

void Places::resolve() {
    if (spool.empty())
        throw Error{Exit::config, "the spool folder is empty", "set --spool or PBX_SPOOL"};
    const auto spool_path = plain(spool);
    if (stitched.empty())
        stitched = (std::filesystem::path{spool} / "stitched").native();
    if (stitch_src.empty())
        stitch_src = (spool_path.parent_path() / "stitch-src").native();
    const auto inside = plain(stitch_src).lexically_relative(spool_path);
    if (!inside.empty() && *inside.begin() != "..")
        throw Error{Exit::config, "stitch-src " + stitch_src + " lies inside the spool " + spool,
                    "give it a folder of its own, beside the spool"};
    if (plain(stitched) == spool_path)
        throw Error{Exit::config, "the stitched folder is the spool itself: " + stitched,
                    "legs are moved away from there; give stitched recordings a folder of their own"};
}

} // namespace pbx::recording
