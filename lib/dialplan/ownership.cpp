// Names are compared without case, numbers by their digits and hosts in canonical form: comparing texts would let a
// tenant take another's name, number or host under a different spelling.
#include "dialplan/ownership.hpp"

#include "dialplan/conf_lines.hpp"
#include "dialplan/identity.hpp"
#include "dialplan/row_checks.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace pbx::dialplan {

namespace {

// Sections of pjsip.conf and queues.conf that are not a tenant's endpoint or queue.
constexpr std::array reserved_names{"general",  "globals", "global", "system", "default", "default_outbound_endpoint",
                                    "anonymous"};

// The prefixes of organizations among whose names those of `prefix` could be. An organization "a" has names such as
// "a__queue" and "a__trunk_x", so that the prefixes "a_" and "a__queue" reach into them.
std::vector<std::string> stems(const std::string& prefix) {
    std::vector<std::string> result;
    for (auto at = prefix.find('_'); at != std::string::npos; at = prefix.find('_', at + 1))
        if (at + 1 == prefix.size() || prefix[at + 1] == '_')
            result.push_back(prefix.substr(0, at));
    return result;
}

std::string description_of(const Claim& claim) {
    return fmt::format("{} {} of {}{}", claim.word, harmless(*claim.name), harmless(claim.owner->name),
                       claim.active ? "" : ", which is not active");
}

} // namespace

bool is_older(tenants::Timestamp a, const std::string& a_id, tenants::Timestamp b, const std::string& b_id) {
    return std::tie(a, a_id) < std::tie(b, b_id);
}

void Ownership::hold_prefix(const tenants::Organization& organization) {
    const auto& own = organization.context_prefix;
    const auto refuse = [&](const std::string& other) {
        throw Fault{fmt::format("context_prefix {} reaches into the names of organization {}, whose prefix is {}", own,
                                harmless(prefixes_.at(other)->name), other),
                    "give the organization another context_prefix: one that is not another organization's prefix "
                    "followed by _, or by __ and more",
                    true};
    };
    if (prefixes_.contains(own))
        refuse(own);
    const auto parts = stems(own);
    for (const auto& part : parts)
        if (prefixes_.contains(part))
            refuse(part);
    if (const auto longer = stems_.find(own); longer != stems_.end())
        refuse(longer->second);
    prefixes_.emplace(own, &organization);
    for (const auto& part : parts)
        stems_.emplace(part, own);
}

void Ownership::hold_key(Holders& holders, const Claim& claim, const std::string& key, const std::string& what,
                         const std::string& hint) {
    const auto [found, added] = holders.emplace(key, &claim);
    if (!added)
        throw Fault{fmt::format("{} is held by {}", what, description_of(*found->second)), hint, true};
}

// The organization with the longest prefix that `name` begins with. Its own organization's always matches.
const tenants::Organization* Ownership::owner_of(const std::string& name, const tenants::Organization* own) const {
    const auto shortest = own->context_prefix.size();
    for (auto end = name.rfind('_'); end > shortest; end = name.rfind('_', end - 1))
        if (const auto found = prefixes_.find(name.substr(0, end)); found != prefixes_.end())
            return found->second;
    return own;
}

// The longest matching prefix owns a name: "a_b_1" belongs to "a_b" and not to "a", unless the row of "a" was there
// before "a_b".
void Ownership::hold_name(Holders& holders, const Claim& claim, const WantedName& wanted) {
    auto& name = *wanted.name;
    if (name.empty())
        name = wanted.standard;
    const auto prefix = claim.owner->context_prefix + '_';
    const auto rename = fmt::format("to name it {}: update {} set {} = null where id = '{}'", wanted.standard,
                                    wanted.table, wanted.column, *wanted.id);
    const auto what = fmt::format("{} {}", wanted.column, in_quotes(name));
    require(consists_of(name, "0-9A-Za-z_.-", longest_name) && consists_of(name.substr(0, 1), "0-9A-Za-z", 1),
            fmt::format("{} may hold only letters, digits, dot, dash and underscore, and at most {} of them", what,
                        longest_name),
            rename);
    const auto key = lower(name);
    require(std::find(reserved_names.begin(), reserved_names.end(), key) == reserved_names.end(),
            what + " is a name that Asterisk reserves", rename);
    require(name.size() > prefix.size() && name.starts_with(prefix),
            fmt::format("{} does not begin with {}", what, in_quotes(prefix)), rename);
    const auto* owner = owner_of(name, claim.owner);
    if (owner != claim.owner && is_older(owner->held_since, owner->id, claim.held_since, *claim.id))
        throw Fault{fmt::format("{} begins with the prefix of another organization, {}", what, harmless(owner->name)),
                    rename, true};
    hold_key(holders, claim, key, what, name == wanted.standard ? "rename or remove the row that holds it" : rename);
}

void Ownership::hold(const Claim& claim, tenants::User& user) {
    if (!has_phone(user)) {
        user.asterisk_endpoint.clear();
        return;
    }
    hold_name(endpoints_, claim,
              {&user.asterisk_endpoint, claim.owner->context_prefix + '_' + user.extension, "users",
               "asterisk_endpoint", &user.id});
}

void Ownership::hold(const Claim& claim, tenants::Trunk& trunk) {
    const auto& prefix = claim.owner->context_prefix;
    const std::string_view middle = "__trunk_";
    const bool readable = consists_of(trunk.name, "0-9A-Za-z_-", longest_number) &&
                          prefix.size() + middle.size() + trunk.name.size() <= longest_name;
    hold_name(endpoints_, claim,
              {&trunk.asterisk_peer_name,
               fmt::format("{}{}{}", prefix, middle, readable ? trunk.name : trunk.id.substr(0, 8)), "sip_trunks",
               "asterisk_peer_name", &trunk.id});
    if (trunk.trunk_type == "peer")
        peers_.emplace_back(&claim, &trunk);
}

void Ownership::hold(const Claim& claim, tenants::Queue& queue) {
    hold_name(queues_, claim,
              {&queue.asterisk_queue_name, claim.owner->context_prefix + "__" + queue.number, "queues",
               "asterisk_queue_name", &queue.id});
}

void Ownership::hold(const Claim& claim, tenants::Did& did) {
    const auto number = did_digits(did);
    hold_key(numbers_, claim, canonical_number(number), "number " + number,
             "remove one of the two rows, or give one of them another number");
}

// Asterisk identifies the calls of a peer by the address that they come from, whatever the port. A host is held from
// its approval on, since a trunk without approval is not used at all.
void Ownership::share_out_hosts(Faults& faults) {
    std::stable_sort(peers_.begin(), peers_.end(), [](const auto& a, const auto& b) {
        return std::tie(a.second->approved_at, a.second->held_since, a.second->id) <
               std::tie(b.second->approved_at, b.second->held_since, b.second->id);
    });
    Holders hosts;
    for (const auto& [claim, trunk] : peers_) {
        const auto [found, added] = hosts.emplace(canonical_host(trunk->host), claim);
        if (!added && found->second->owner != claim->owner)
            faults.add(trunk,
                       {fmt::format("host {} is held by {}", in_quotes(trunk->host), description_of(*found->second)),
                        "calls from a host belong to one organization; trunks of type register can share one", true});
    }
}

} // namespace pbx::dialplan
