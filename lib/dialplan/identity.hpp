// Canonical spellings of telephone numbers and hosts.
#pragma once

#include <string>
#include <string_view>

namespace pbx::dialplan {

/// The digits of a telephone number, which may also contain blanks and + ( ) - . /; empty for any other text. The
/// unique index in migrations/20261124-unique-numbers.sql computes the same in SQL. A leading 00 stays, since a trunk
/// may send a number with it.
std::string canonical_number(std::string_view number);

/// The digits of a number that is dialled to reach the public network, without a leading 00.
std::string international_number(std::string_view number);

/// A host in the form in which hosts are compared: whatever inet_aton() and inet_pton() read as an address in its
/// shortest form, an IPv4 address mapped into IPv6 as IPv4, and a name in lower case without the dot at its end. No
/// name is resolved.
std::string canonical_host(std::string_view host);

} // namespace pbx::dialplan
