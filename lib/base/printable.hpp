// Texts from the network and the database, made fit to be shown.
#pragma once

#include <string>
#include <string_view>

namespace pbx {

/// `text` on one line that can neither drive a terminal, nor turn its direction, nor hide a part of itself: control
/// characters and bytes that are not UTF-8 come out as \xNN, marks of direction and characters without a shape as
/// \uNNNN. The joiners U+200C and U+200D stay, which Indian and Persian names need. Of more than `most` characters the
/// rest becomes "...". What it returns it leaves as it is.
std::string printable(std::string_view text, std::size_t most = std::string_view::npos);

} // namespace pbx
