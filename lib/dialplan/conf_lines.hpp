// The lines of a configuration file as Asterisk's own reader takes them (main/config.c).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

struct ConfLine {
    std::string_view text; ///< as it stands, with its line end
    std::string code;      ///< without comments and the blanks around it
    int before;            ///< block comments that are open where the line begins; they nest
    int after;             ///< and where it ends
};

/// Calls `each` for every line of `text`.
void for_each_conf_line(std::string_view text, const std::function<void(const ConfLine&)>& each);

/// A line such as #include "other.conf"; the word is in lower case ("include", "tryinclude", "exec"), empty for a line
/// of another kind. The value is without its quotes.
struct Directive {
    std::string word;
    std::string value;
};
Directive directive_of(std::string_view code);

/// A line such as [name](template); the name is empty for a line of another kind.
struct Section {
    std::string name;
    bool adds = false;              ///< [name](+): more of a section that stands elsewhere
    std::vector<std::string> bases; ///< templates
};
Section section_of(std::string_view code);

/// A line such as key=value or key => value; the key is in lower case, empty for a line of another kind.
struct Setting {
    std::string key;
    std::string value;
};
Setting setting_of(std::string_view code);

/// `text` with the letters of ASCII in lower case: Asterisk compares names of sections and queues without case.
std::string lower(std::string_view text);

} // namespace pbx::dialplan
