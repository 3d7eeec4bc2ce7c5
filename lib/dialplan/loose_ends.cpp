// The warnings about one organization.
#include "dialplan/loose_ends.hpp"

#include "dialplan/password.hpp"
#include "dialplan/routing.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pbx::dialplan {

namespace {

class LooseEnds {
  public:
    LooseEnds(const Plan& plan, std::vector<Warning>& warnings) : plan_{plan}, warnings_{warnings} {}

    void warn() {
        const auto& rows = plan_.organization;
        for (const auto& did : rows.dids)
            check_destination("did " + did.number, did.routing_type, did.routing_destination);
        for (const auto& queue : rows.queues) {
            if (std::none_of(queue.members.begin(), queue.members.end(),
                             [&](const auto& member) { return plan_.user_by_id(member.user_id) != nullptr; }))
                // Asterisk may have members of its own.
                warnings_.push_back({plan_.prefix(),
                                     fmt::format("queue {} of {} has no active member: nobody can take its calls",
                                                 queue.number, name()),
                                     true});
            check_destination("queue " + queue.number, queue.timeout_destination_type, queue.timeout_destination);
        }
        for (const auto& route : rows.routes)
            if (plan_.trunk_by_id(route.trunk_id) == nullptr)
                add(fmt::format("route {} of {} has no active trunk: its calls fail", harmless(route.name), name()));
        for (const auto& user : rows.users)
            if (user.ring_target == "phone")
                check_outside_number("user " + user.extension, user.phone_number);
        for (const auto& user : rows.users)
            if (const auto fault = password_fault(user, user.asterisk_endpoint);
                !fault.empty() && !user.asterisk_endpoint.empty())
                add(fmt::format("sip_password of user {} of {} {}", user.extension, name(), fault));
    }

  private:
    std::string name() const { return harmless(plan_.organization.name); }

    void add(std::string message) { warnings_.push_back({plan_.prefix(), std::move(message)}); }

    void check_destination(const std::string& row, const std::string& type, const std::string& destination) {
        if ((type == "extension" && plan_.user(destination) == nullptr) ||
            (type == "queue" && plan_.queue(destination) == nullptr))
            add(fmt::format("{} of {} leads to {} {}, which does not exist or is not active", row, name(), type,
                            destination));
        if (type == "external")
            check_outside_number(row, destination);
    }

    void check_outside_number(const std::string& row, const std::string& number) {
        const auto& routes = plan_.organization.routes;
        if (routes.empty())
            add(fmt::format("{} of {} leads to {}, but there is no active route", row, name(), number));
        else if (std::none_of(routes.begin(), routes.end(), [&](const auto& route) { return takes(route, number); }))
            add(fmt::format("{} of {} leads to {}, which no active route takes", row, name(), number));
    }

    const Plan& plan_;
    std::vector<Warning>& warnings_;
};

} // namespace

void warn_of_loose_ends(const Plan& plan, std::vector<Warning>& warnings) {
    LooseEnds{plan, warnings}.warn();
}

} // namespace pbx::dialplan
