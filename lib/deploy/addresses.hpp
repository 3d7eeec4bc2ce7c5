// Asterisk identifies the calls of a trunk of type peer by the address that they come from. An address can belong to
// one organization only.
#pragma once

#include "base/deadline.hpp"
#include "dialplan/plan.hpp"

#include <map>
#include <string>
#include <vector>

namespace pbx::deploy {

/// The addresses of hosts in canonical form, an IPv4 address mapped into IPv6 as IPv4; none for a name that does not
/// resolve.
using Addresses = std::map<std::string, std::vector<std::string>>;

/// The addresses of the hosts of all peers, as this machine resolves their names now, within ten seconds in all. Warns
/// about names that do not resolve. Nothing is resolved when all peers are of one organization, since then it does not
/// matter which of them a call comes from.
///
/// Only A and AAAA records are compared. Asterisk also follows the SRV records of a host, so two hosts that share an
/// address by SRV alone are not noticed.
Addresses addresses_of_peers(const dialplan::Checked& checked, const Deadline& deadline);

/// Of peers of different organizations that have an address in common, the one whose host is that address keeps it from
/// those whose host is a name; of two of a kind, the one that was approved first. The others move from their plans to
/// the refusals.
void separate_addresses(dialplan::Checked& checked, const Addresses& addresses);

} // namespace pbx::deploy
