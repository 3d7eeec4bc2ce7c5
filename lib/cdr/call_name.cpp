#include "cdr/call_name.hpp"

namespace pbx::cdr {

CallName CallName::parse(const std::string& text) {
    const auto slash = text.find('/');
    if (slash == std::string::npos)
        return {text, {}};
    return {text.substr(0, slash), text.substr(slash + 1)};
}

} // namespace pbx::cdr
