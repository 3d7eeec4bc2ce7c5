// Makes texts from the network and the database safe to show.
#pragma once

#include <string>
#include <string_view>

namespace pbx {

/// `text` as one line that cannot control a terminal, change the text direction or hide a part of itself: control
/// characters and bytes that are not UTF-8 become \xNN, direction marks and invisible characters \uNNNN. The joiners
/// U+200C and U+200D stay, because Indian and Persian names need them. After `most` characters the rest becomes "...".
/// A second call changes nothing.
std::string printable(std::string_view text, std::size_t most = std::string_view::npos);

} // namespace pbx
