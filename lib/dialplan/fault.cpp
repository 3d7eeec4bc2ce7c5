// Texts from the database appear in messages only through in_quotes().
#include "dialplan/fault.hpp"

#include "dialplan/text.hpp"

namespace pbx::dialplan {

void require(bool condition, const std::string& message, const std::string& hint) {
    if (!condition)
        throw Fault{message, hint};
}

std::string in_quotes(std::string_view text) {
    return '"' + harmless(text) + '"';
}

} // namespace pbx::dialplan
