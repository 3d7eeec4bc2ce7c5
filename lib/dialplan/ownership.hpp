// Names, numbers and hosts that exist once for all tenants, and the row that holds each of them.
#pragma once

#include "dialplan/fault.hpp"
#include "tenants/organization.hpp"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pbx::dialplan {

/// A row that wants names, numbers or hosts. It refers to the row and its organization.
struct Claim {
    const tenants::Organization* owner;
    const char* word; ///< "user"
    const std::string* name;
    tenants::Timestamp held_since;
    const std::string* id;
    bool active; ///< the row and its organization
};

/// Whether the first of two rows or organizations is the older one, by held_since. The id decides if both are equal.
bool is_older(tenants::Timestamp a, const std::string& a_id, tenants::Timestamp b, const std::string& b_id);

/// Grants each name to the first that asks, so rows must come in the order of their age; a row that is not active
/// keeps what it holds. Asterisk has one namespace for the endpoints and one for the queues of all tenants.
class Ownership {
  public:
    // These throw Fault, with `conflict`, for what another row holds; the names that they derive are stored in the row.

    /// A prefix must not reach into the names of another organization, see stems() in ownership.cpp.
    void hold_prefix(const tenants::Organization& organization);
    void hold(const Claim& claim, tenants::User& user);
    void hold(const Claim& claim, tenants::Trunk& trunk);
    void hold(const Claim& claim, tenants::Queue& queue);
    void hold(const Claim& claim, tenants::Did& did);

    /// Gives each host to the peer whose host was approved first, and adds a fault for each peer of another
    /// organization on it. All trunks must have been given to hold().
    void share_out_hosts(Faults& faults);

  private:
    using Holders = std::unordered_map<std::string, const Claim*>;
    struct WantedName {
        std::string* name; ///< of the row; empty: the standard one
        std::string standard;
        const char* table;
        const char* column;
        const std::string* id;
    };

    static void hold_key(Holders& holders, const Claim& claim, const std::string& key, const std::string& what,
                         const std::string& hint);
    void hold_name(Holders& holders, const Claim& claim, const WantedName& wanted);
    const tenants::Organization* owner_of(const std::string& name, const tenants::Organization* own) const;

    std::unordered_map<std::string, const tenants::Organization*> prefixes_;
    std::unordered_map<std::string, std::string> stems_; // stem -> the prefix that it is a stem of
    Holders endpoints_, queues_, numbers_;
    std::vector<std::pair<const Claim*, const tenants::Trunk*>> peers_;
};

} // namespace pbx::dialplan
