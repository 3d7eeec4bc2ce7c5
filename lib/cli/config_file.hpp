// The syntax of pbx.conf. CLI11's own reader counts no lines, cuts a value at '#' even inside quotes, and takes a value
// with blanks for several.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::cli {

/// A line "name = value" of the file.
struct ConfigLine {
    std::size_t number = 0; ///< counted from 1
    std::string section;    ///< empty at the top of the file
    std::string name;       ///< empty for the line "[section]" itself
    std::string value;      ///< without the quotes around it; "true" for a name without "="
    bool is_quoted = false;
    bool is_section() const { return name.empty(); }
};

/// Reads pbx.conf(5). `path` is for messages. Throws Error (config) that names the file and the line.
std::vector<ConfigLine> parse_config(std::string_view text, std::string_view path);

/// "did you mean X?" for the known name that is most like `given`; empty when none is.
std::string suggest(std::string_view given, const std::vector<std::string>& known);

} // namespace pbx::cli
