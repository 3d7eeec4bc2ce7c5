// From what the database says to what may be written: rows that are active, safe and complete, and the others by name.
#pragma once

#include "tenants/organization.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

/// An organization of which only active rows are left, each checked and completed: names of endpoints, queues and peers
/// filled in, numbers reduced to digits, dial patterns with their underscore, routes in the order of their priority.
/// The writers of text (render.hpp) take nothing else.
struct Plan {
    tenants::Organization organization;
    int max_channels = 0; ///< calls at once; 0: no limit

    const std::string& prefix() const { return organization.context_prefix; }
    const std::string& accountcode() const { return organization.id; }
    const tenants::User* user(std::string_view extension) const;
    const tenants::User* user_by_id(std::string_view id) const;
    const tenants::Queue* queue(std::string_view number) const;
    const tenants::Trunk* trunk_by_id(std::string_view id) const;
};

/// A row that is left out: its text cannot be made safe, or what it wants is another row's.
struct Refusal {
    std::string prefix;    ///< of its organization
    std::string row;       ///< "user 1003 of acme"
    std::string fault;     ///< "sip_password: it has a line break"
    std::string hint{};    ///< what helps, and may be empty
    bool conflict = false; ///< by itself the row is fit, but other rows were there first
};

/// What an operator should know although nothing had to be left out.
struct Remark {
    std::string prefix;
    std::string words;
    bool once = false; ///< only the operator can know whether it matters: said when it becomes so, not on every run
};

struct Checked {
    std::vector<Plan> plans; ///< active organizations, by prefix
    std::vector<Refusal> refusals;
    std::vector<Remark> remarks;
};

/// What the operator decides for all organizations.
struct Rules {
    /// Numbers that no row may take or rewrite.
    std::vector<std::string> emergency{"112", "911", "999", "000", "110", "118"};
};

/// Looks at all organizations together, since Asterisk has one namespace for the endpoints and one for the queues of
/// all tenants: no row can take, or break, what belongs to another tenant. What two rows want belongs to the one that
/// has held it longer (HeldSince), also while that row, or its organization, is not active.
Checked check(std::vector<tenants::Organization> all, const Rules& rules = {});

} // namespace pbx::dialplan
