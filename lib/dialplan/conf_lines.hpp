// The lines of a configuration file as Asterisk's own parser reads them (main/config.c).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

struct ConfLine {
    std::string_view text; ///< with its line end
    std::string code;      ///< without comments and the blanks around them
    int before;            ///< block comments, which nest, that are open where the line begins
    int after;             ///< those that are open where it ends
};

/// Calls `each` for every line of `text`.
void for_each_conf_line(std::string_view text, const std::function<void(const ConfLine&)>& each);

/// A line such as #include "other.conf"; the word is in lower case ("include", "tryinclude", "exec"), and empty for
/// other lines. The value is without its quotes.
struct Directive {
    std::string word;
    std::string value;
};
Directive directive_of(std::string_view code);

/// A line such as [name](template); the name is empty for other lines.
struct Section {
    std::string name;
    bool adds = false;              ///< [name](+): an addition to a section defined elsewhere
    std::vector<std::string> bases; ///< templates
};
Section section_of(std::string_view code);

/// A line such as key=value or key => value; the key is in lower case, and empty for other lines.
struct Setting {
    std::string key;
    std::string value;
};
Setting setting_of(std::string_view code);

/// `text` with its ASCII letters in lower case. Asterisk compares the names of sections and queues without case.
std::string lower(std::string_view text);

} // namespace pbx::dialplan
