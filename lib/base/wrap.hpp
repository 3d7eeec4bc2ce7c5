// Text in lines of a certain width.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pbx {

/// Characters of a text in UTF-8.
std::size_t characters(std::string_view text);

/// Breaks `text` at its blanks. The first line begins at the column `indent`, where the caller has written so far, and
/// the others after as many blanks. A word that is longer than a line stays whole. Without a line break at the end.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width);

} // namespace pbx
