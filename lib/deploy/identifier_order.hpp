// Whether Asterisk identifies a caller by the name of a phone before it looks at the addresses of trunks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pbx::deploy {

/// The entries of a comma-separated list, in lower case and without blanks.
std::vector<std::string> list_entries(std::string_view text);

/// Whether "username" stands before "ip".
bool names_come_first(const std::vector<std::string>& order);

/// Why endpoint_identifier_order, as pjsip.conf has it (empty: not set), lets the address of a trunk decide before the
/// name of a phone; empty when it does not.
std::string order_fault(const std::string& order);

/// What to write into pjsip.conf against that.
extern const char* const order_hint;

} // namespace pbx::deploy
