#include "listening/error_page.hpp"

#include <fmt/format.h>

namespace pbx::listening {

Page error_page(std::string_view title, std::string_view detail) {
    return make_page(title, fmt::format("<h1>{}</h1>\n<p>{}</p>\n", escaped(title), escaped(detail)), {});
}

} // namespace pbx::listening
