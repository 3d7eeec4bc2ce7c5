// Which texts from the database may be written into Asterisk's configuration, and how.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pbx::dialplan {

/// Whether `text` is 1 to `most` characters long and consists of `allowed` only, where "0-9" means a range and a dash
/// at the end itself.
bool consists_of(std::string_view text, std::string_view allowed, std::size_t most);

/// Why `text` cannot be the value of "key=value" in a configuration file, however it is escaped ("it has a line
/// break"); empty when it can. Length matters because Asterisk reads what follows the first 8,191 bytes as another
/// line.
std::string_view value_fault(std::string_view text);

/// `text`, for which value_fault() is empty, as the value of "key=value". A ';' would begin a comment.
std::string escaped_value(std::string_view text);

/// `text` between quotes, as in callerid="Name" <number>, and escaped as a value.
std::string quoted_value(std::string_view text);

/// A regular expression that matches one of `numbers`, which are digits. Without any it matches no number: an empty one
/// would match where there is none.
std::string pattern_of(const std::vector<std::string>& numbers);

/// Any `text` for a comment or a message: printable, on one line, at most 60 characters.
std::string harmless(std::string_view text);

/// Copies `pattern` with every ~X replaced by the text given for X. (fmt would need every brace of the dialplan
/// doubled.) Throws std::logic_error when no text is given for an X.
std::string fill(std::string_view pattern, std::initializer_list<std::pair<char, std::string_view>> values);

} // namespace pbx::dialplan
