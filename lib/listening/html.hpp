// Pages for browsers, each in one piece: style and script are part of the page, and the policy allows nothing else.
#pragma once

#include <string>
#include <string_view>

namespace pbx::listening {

struct Page {
    std::string html;
    std::string policy; ///< Content-Security-Policy
};

/// Text for an element or for an attribute in double quotes.
std::string escaped(std::string_view text);

/// A page with this title and this content, which is HTML. `script` may be empty.
Page make_page(std::string_view title, std::string_view content, std::string_view script);

} // namespace pbx::listening
