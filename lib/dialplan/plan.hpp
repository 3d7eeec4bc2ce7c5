// The gate between the database and Asterisk's configuration: rows that are active, valid and complete, and the names
// of those that are left out.
#pragma once

#include "dialplan/consent.hpp"
#include "tenants/organization.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

/// An organization of which only active rows are left, each checked and completed: names of endpoints, queues and peers
/// filled in, numbers reduced to digits, dial patterns with their underscore, routes in the order of their priority.
/// The writers of text (render.hpp) accept nothing else.
struct Plan {
    tenants::Organization organization;
    int max_channels = 0; ///< calls at once; 0: no limit
    int max_contacts = 1; ///< devices that may register as one phone at the same time
    std::string codecs;   ///< of phones and trunks, between commas, the preferred one first
    int channels = 1;     ///< of recordings
    int rate = 8000;      ///< of recordings, samples per second
    Consent consent{};

    const std::string& prefix() const { return organization.context_prefix; }
    const std::string& accountcode() const { return organization.id; }
    const tenants::User* user(std::string_view extension) const;
    const tenants::User* user_by_id(std::string_view id) const;
    const tenants::Queue* queue(std::string_view number) const;
    const tenants::Trunk* trunk_by_id(std::string_view id) const;
};

/// A row that is left out, because its text is not allowed in the configuration or another row holds what it claims.
struct Refusal {
    std::string prefix;    ///< of its organization
    std::string row;       ///< "user 1003 of acme"
    std::string fault;     ///< "sip_password: it has a line break"
    std::string hint{};    ///< what to do about it; may be empty
    bool conflict = false; ///< the row itself is valid, but an older row holds what it claims
};

/// Something that an operator should know although nothing was left out.
struct Warning {
    std::string prefix; ///< of the organization
    std::string message;
    bool only_when_new = false; ///< only the operator can judge it: shown when it first applies, not on every run
};

struct Checked {
    std::vector<Plan> plans;           ///< active organizations, by prefix
    std::vector<std::string> inactive; ///< the prefixes of the others
    std::vector<Refusal> refusals;
    std::vector<Warning> warnings;
};

/// What the operator decides for all organizations.
struct Rules {
    /// Numbers that no row may have as its own, and no route may change.
    std::vector<std::string> emergency{"112", "911", "999", "000", "110", "118"};
};

/// Looks at all organizations together, since Asterisk has one namespace for the endpoints and one for the queues of
/// all tenants: no row can take or break what belongs to another tenant. What two rows claim belongs to the one that
/// has held it longer (held_since), even while that row or its organization is not active.
Checked check(std::vector<tenants::Organization> all, const Rules& rules = {});

} // namespace pbx::dialplan
