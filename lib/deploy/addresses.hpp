// Asterisk knows the calls of a trunk of type peer by the address they come from, whoever's trunk that is: of two
// organizations only one can have an address.
#pragma once

#include "base/deadline.hpp"
#include "dialplan/plan.hpp"

#include <map>
#include <string>
#include <vector>

namespace pbx::deploy {

/// A host's addresses in canonical form, an IPv4 address mapped into IPv6 as IPv4; nothing for a name that does not
/// resolve.
using Addresses = std::map<std::string, std::vector<std::string>>;

/// The addresses of the hosts of all peers, names as this machine resolves them now, for at most ten seconds in all.
/// Says which names do not resolve. Nothing is resolved when all peers are of one organization, since then it does not
/// matter which of them a call comes from.
Addresses addresses_of_peers(const dialplan::Checked& checked, const Deadline& deadline);

/// Of peers of different organizations that have an address in common, the one whose host was approved first keeps it;
/// the others go from their plans to the refusals.
void separate_addresses(dialplan::Checked& checked, const Addresses& addresses);

} // namespace pbx::deploy
