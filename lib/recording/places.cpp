// Defaults that follow from the spool.
#include "recording/places.hpp"

#include "base/error.hpp"
#include "remote/archive_marker.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace pbx::recording {

namespace {

std::filesystem::path without_last_slash(const std::filesystem::path& path) {
    return path.has_filename() ? path : path.parent_path();
}

std::filesystem::path absolute(const std::string& path) {
    std::error_code failed;
    auto result = std::filesystem::absolute(path, failed);
    if (failed)
        throw system_error(Exit::io, "cannot look at folder " + path, failed.value());
    return result;
}

// Absolute and without "..", "." and a last slash; links are followed as far as the path exists.
std::filesystem::path plain(const std::string& path) {
    std::error_code failed;
    const auto result = std::filesystem::weakly_canonical(absolute(path), failed);
    if (failed)
        throw system_error(Exit::io, "cannot look at folder " + path, failed.value());
    return without_last_slash(result);
}

} // namespace

db::LegNaming Places::naming() const {
    const auto given = without_last_slash(absolute(spool).lexically_normal());
    return {{given.native(), plain(spool).native()}, layout};
}

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

// A remote may lead to a folder of this machine by a path, a link, an alias or a server; what shows it is the marker.
void Places::require_apart() const {
    if (remote.empty())
        return;
    for (const auto& folder : {spool, stitched, stitch_src}) {
        const auto path = plain(folder);
        const auto has_marker = [](const std::filesystem::path& place) {
            std::error_code ignored;
            return std::filesystem::exists(place / archive_marker_name, ignored);
        };
        if (has_marker(path) || (path.filename() == "stitched" && has_marker(path.parent_path())))
            throw Error{Exit::config,
                        fmt::format("folder {} is a part of an archive: {} is there. Nothing was removed", folder,
                                    archive_marker_name),
                        "give --remote, --spool, --stitched and --stitch-src places of their own; if the marker was "
                        "copied there by mistake, remove it"};
    }
}

} // namespace pbx::recording
