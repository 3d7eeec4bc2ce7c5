#include "base/spool_layout.hpp"

namespace pbx {

bool is_day_folder(std::string_view text) {
    constexpr std::string_view form = "9999/99/99";
    if (text.size() != form.size())
        return false;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '9' ? !is_digit : text[i] != '/')
            return false;
    }
    return true;
}

} // namespace pbx
