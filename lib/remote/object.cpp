// rclone's encoder replaces characters that a storage cannot hold: https://rclone.org/overview/#restricted-filenames
#include "remote/object.hpp"

#include "base/name.hpp"

namespace pbx {

void throw_first(const ObjectFailures& failures) {
    if (!failures.empty())
        throw Error{failures.begin()->second};
}

std::string_view remote_name_fault(std::string_view name) {
    if (const auto fault = name_fault(name); !fault.empty())
        return fault;
    if (!is_utf8(name))
        return "it is not UTF-8";
    // rclone's replacement characters: control pictures U+2400 to U+243F, full-width forms U+FF00 to U+FF7F, and its
    // quote U+201B.
    for (const std::string_view replacement : {"\xe2\x90", "\xef\xbc", "\xef\xbd", "\xe2\x80\x9b"})
        if (name.find(replacement) != std::string_view::npos)
            return "it has a character that rclone rewrites";
    return {};
}

void require_remote_name(const std::string& name, std::string_view action) {
    if (const auto fault = remote_name_fault(name); !fault.empty())
        throw Error{Exit::data,
                    "cannot " + std::string{action} + " \"" + shown(name) + "\" in the remote: " + std::string{fault}};
}

} // namespace pbx
