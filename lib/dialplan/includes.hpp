// The lines of a main file (extensions.conf, pjsip.conf, queues.conf) that include the organizations' files.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

/// A type of an organization's files: "ext_acme.conf" is included by extensions.conf.
struct FileType {
    const char* name_begin;
    const char* main_file;
};
inline constexpr FileType extension_files{"ext_", "extensions.conf"};
inline constexpr FileType endpoint_files{"pjsip_", "pjsip.conf"};
inline constexpr FileType queue_files{"queues_", "queues.conf"};
inline constexpr std::array file_types{extension_files, endpoint_files, queue_files};

/// The file of the recorder, which extensions.conf includes as well.
inline constexpr const char* recorder_file = "pbx-recorder.conf";

/// Whether `name` is a name that a deployment uses: an organization's file, or the recorder's.
bool is_deployed_name(std::string_view name);

/// The organization's prefix if `name` is the name of an organization's file ("acme" for "queues_acme.conf"), else an
/// empty text.
std::string_view prefix_of_file(std::string_view name);

/// The main file that `name` belongs to: for "ext_acme.conf" extensions.conf, for a main file itself.
std::string main_file_of(std::string_view name);

/// `main` without the lines that include an organization's file for which `stale` returns true, and with a line
/// #tryinclude "<file>" for each of `wanted` that no line includes. Every other line stays byte for byte, with its line
/// end, or without one at the end of the file.
///
/// `folder` is the path of the Asterisk folder, which lines may contain.
std::string maintain_includes(std::string_view main, std::string_view folder, const std::vector<std::string>& wanted,
                              const std::function<bool(const std::string& file)>& stale);

} // namespace pbx::dialplan
