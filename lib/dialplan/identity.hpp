// What is one thing under several spellings: a telephone number, the host of a trunk.
#pragma once

#include <string>
#include <string_view>

namespace pbx::dialplan {

/// The digits of a telephone number, which may be written with blanks and + ( ) - . / too; empty for a text that is no
/// number. The unique index in migrations/20261124-unique-numbers.sql says the same in SQL. A leading 00 stays: it is
/// how some countries dial, and a trunk may send a number with it.
std::string canonical_number(std::string_view number);

/// The digits of a number that is dialled to reach the public network: without a leading 00 either.
std::string international_number(std::string_view number);

/// A host as it is compared: an address in its shortest form, whatever inet_aton() and inet_pton() read as that
/// address, an IPv4 address mapped into IPv6 as IPv4; a name in lower case without the dot at its end. Nothing is
/// looked up.
std::string canonical_host(std::string_view host);

} // namespace pbx::dialplan
