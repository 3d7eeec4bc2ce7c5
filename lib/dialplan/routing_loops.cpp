// The rows that forward calls automatically, as hops. A number that is dialled may come back through any DID that a
// carrier sends to us, whichever tenant has it.
#include "dialplan/routing_loops.hpp"

#include "dialplan/identity.hpp"
#include "dialplan/loops.hpp"
#include "dialplan/ownership.hpp"
#include "dialplan/routing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_map>

namespace pbx::dialplan {

namespace {

using Names = std::vector<std::string>;

// A hop and the row that it stands for.
struct RowHop {
    tenants::Timestamp held_since;
    const std::string* id;
    const void* row;
    Hop hop;
};

std::string hop_name(const tenants::Organization& organization, const char* word, const std::string& name) {
    return fmt::format("{} {} of {}", word, name, organization.context_prefix);
}

std::string hop_name(const tenants::Did& did) {
    return "did " + canonical_number(did.number);
}

class HopCollector {
  public:
    HopCollector(const std::vector<tenants::Organization>& all, const Faults& faults) : all_{all}, faults_{faults} {}

    std::vector<RowHop> collect() {
        for (const auto& organization : all_)
            if (faults_.is_used(organization))
                for (const auto& did : organization.dids)
                    if (faults_.is_used(did))
                        dids_.emplace(international_number(did.number), hop_name(did));
        for (const auto& organization : all_)
            if (faults_.is_used(organization))
                add_organization(organization);
        std::stable_sort(hops_.begin(), hops_.end(), [](const RowHop& a, const RowHop& b) {
            return is_older(a.held_since, *a.id, b.held_since, *b.id);
        });
        return std::move(hops_);
    }

  private:
    template <typename Row>
    void add(const Row& row, std::string name, Names next) {
        hops_.push_back({row.held_since, &row.id, &row, {std::move(name), std::move(next)}});
    }

    void add_organization(const tenants::Organization& organization) {
        std::unordered_map<std::string_view, std::string> outside; // hops of users whose calls ring outside, by id
        for (const auto& user : organization.users) {
            if (!faults_.is_used(user) || user.ring_target != "phone")
                continue;
            auto name = hop_name(organization, "user", user.extension);
            outside.emplace(user.id, name);
            add(user, std::move(name), dids_behind(organization, user.phone_number));
        }
        for (const auto& queue : organization.queues) {
            if (!faults_.is_used(queue))
                continue;
            auto next = destinations(organization, queue.timeout_destination_type, queue.timeout_destination);
            for (const auto& member : queue.members)
                if (const auto found = outside.find(member.user_id); found != outside.end())
                    next.push_back(found->second);
            add(queue, hop_name(organization, "queue", queue.number), std::move(next));
        }
        for (const auto& did : organization.dids)
            if (faults_.is_used(did))
                add(did, hop_name(did), destinations(organization, did.routing_type, did.routing_destination));
    }

    // The DIDs through which a call to an outside number may come back.
    Names dids_behind(const tenants::Organization& organization, const std::string& number) const {
        Names next;
        for (const auto& route : organization.routes) {
            if (used_trunk(organization, route, faults_) == nullptr)
                continue;
            if (!takes(route, number))
                continue;
            const auto sent =
                international_number(takes_unchanged(route, number) ? number : number_sent(route, number));
            const auto [first, last] = dids_.equal_range(sent);
            std::transform(first, last, std::back_inserter(next), [](const auto& each) { return each.second; });
        }
        return next;
    }

    Names destinations(const tenants::Organization& organization, const std::string& type,
                       const std::string& destination) const {
        if (type == "external")
            return dids_behind(organization, destination);
        if (type == "queue")
            return {hop_name(organization, "queue", destination)};
        if (type == "extension")
            return {hop_name(organization, "user", destination)};
        return {};
    }

    const std::vector<tenants::Organization>& all_;
    const Faults& faults_;
    std::unordered_multimap<std::string, std::string> dids_; // hops by the number that is dialled from outside
    std::vector<RowHop> hops_;
};

std::string shown_path(const Names& path) {
    constexpr std::size_t most_shown = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(path.size(), most_shown); ++i)
        text += (i == 0 ? "" : ", ") + path[i];
    if (path.size() > most_shown)
        text += fmt::format(" and {} more", path.size() - most_shown);
    return text;
}

} // namespace

void check_routing_loops(const std::vector<tenants::Organization>& all, Faults& faults) {
    auto rows = HopCollector{all, faults}.collect();
    std::vector<Hop> hops;
    hops.reserve(rows.size());
    for (auto& row : rows)
        hops.push_back(std::move(row.hop));
    for (const auto& loop : find_loops(hops))
        faults.add(rows[loop.hop].row, {fmt::format("calls to it come back to it by way of {}", shown_path(loop.path)),
                                        "change the destination of this row, or of one of those on the way", true});
}

} // namespace pbx::dialplan
