// How an operator names a call.
#pragma once

#include <optional>
#include <string>

namespace pbx::cdr {

/// "CALL" or "CALL/ACCOUNTCODE".
struct CallName {
    std::string call;
    std::optional<std::string> account;

    /// Everything after the first slash is the accountcode, which may be empty.
    static CallName parse(const std::string& text);

    /// As it was parsed.
    std::string text() const { return account ? call + '/' + *account : call; }
    /// The accountcode that its calls must have: `chosen`, or its own.
    std::optional<std::string> account_or(const std::optional<std::string>& chosen) const {
        return chosen ? chosen : account;
    }
    /// Whether it contains another accountcode than `chosen`, so that there is no such call.
    bool contradicts(const std::optional<std::string>& chosen) const {
        return account && chosen && *account != *chosen;
    }
};

} // namespace pbx::cdr
