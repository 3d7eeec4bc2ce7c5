// Which recording point a CDR row passed, and whether today's switches record there.
#pragma once

#include "dialplan/plan.hpp"
#include "tenants/organization.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pbx::dialplan {

struct PassedPoint {
    bool recorded = false;
    /// A recorder starts there at once, because the dialplan itself answers: at a DID and a queue. An extension or a
    /// route is recorded only when somebody answers.
    bool answers = false;
    /// Whether a call that answers nothing when it is asked for consent is not recorded there.
    bool opt_in = false;
};

class PointFinder {
  public:
    /// Users, queues and DIDs that are switched off by their status count too: they may have been active when the calls
    /// were made. Of routes, only those count that the dialplan has now.
    explicit PointFinder(std::vector<tenants::Organization> organizations);

    /// `context` and `number` are a CDR row's dcontext and dst. Nothing for an account without an organization, and
    /// where nothing is recorded whatever the switches are.
    std::optional<PassedPoint> find(const std::string& account, std::string_view context,
                                    const std::string& number) const;

  private:
    using Switches = std::unordered_map<std::string, bool>; ///< by number: whether it is recorded

    struct Route {
        std::string pattern;
        bool recorded;
    };

    struct Tenant {
        std::string prefix;
        bool opt_in = false;
        Switches users, queues;
        Switches dids;   ///< those that answer: the others have no leg of their own
        Switches phones; ///< numbers of users whose calls go out by a route, although the extension decides
        std::vector<Route> routes;

        std::optional<PassedPoint> find_dialled(const std::string& number) const;
        std::optional<PassedPoint> find_route(const std::string& number, std::size_t first) const;
    };

    static Tenant tenant_of(const tenants::Organization& organization);
    static std::optional<PassedPoint> find_point(const Tenant& tenant, std::string_view context,
                                                 const std::string& number);

    std::unordered_map<std::string, Tenant> tenants_; ///< by account
};

} // namespace pbx::dialplan
