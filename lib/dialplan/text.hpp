// Which texts from the database may stand in Asterisk's configuration, and how they are written there.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace pbx::dialplan {

/// Whether `text` is 1 to `most` characters long and consists of `allowed` only, where "0-9" means a range and a dash
/// at the end itself.
bool consists_of(std::string_view text, std::string_view allowed, std::size_t most);

/// Why `text` cannot be the value of "key=value" in a configuration file whatever is escaped ("it has a line break"),
/// empty when it can. Asterisk cuts lines at 8,191 bytes and takes the rest for another line, so length counts too.
std::string_view value_fault(std::string_view text);

/// `text`, for which value_fault() found nothing, as the value of "key=value": ';' would begin a comment.
std::string escaped_value(std::string_view text);

/// `text` between quotes, as in callerid="Name" <number>, and escaped as a value.
std::string quoted_value(std::string_view text);

/// `text` for a comment or a message: printable, on one line, at most 60 characters, whatever it was.
std::string harmless(std::string_view text);

/// Copies `pattern` with every ~X replaced by the text given for X: dialplan text is too full of braces for fmt. A
/// pattern that names an X not given is a bug.
std::string fill(std::string_view pattern, std::initializer_list<std::pair<char, std::string_view>> values);

} // namespace pbx::dialplan
