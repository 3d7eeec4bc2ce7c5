// getaddrinfo(3) has no deadline, so it runs in threads, which are abandoned at ours. They own what they use
// (Questions).
#include "deploy/addresses.hpp"

#include "base/log.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <tuple>

namespace pbx::deploy {

namespace {

using namespace std::chrono_literals;
using dialplan::Checked;
using dialplan::harmless;
using tenants::Trunk;

constexpr auto longest_wait = 10s;
constexpr std::size_t most_threads = 16;

// The addresses of a host. With AI_NUMERICHOST in `flags` no name server is asked, and every spelling of an address
// that Asterisk accepts, which calls getaddrinfo() too, is read: 127.1, 0x7f000001.
std::vector<std::string> resolve(const std::string& host, int flags) {
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const auto text = brackets ? host.substr(1, host.size() - 2) : host;
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_DGRAM;
    wanted.ai_flags = flags;
    addrinfo* list = nullptr;
    if (::getaddrinfo(text.c_str(), nullptr, &wanted, &list) != 0)
        return {};
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list, &::freeaddrinfo};
    std::vector<std::string> result;
    std::array<char, NI_MAXHOST> shown{};
    constexpr std::string_view mapped = "::ffff:";
    for (const auto* each = list; each != nullptr; each = each->ai_next)
        if (::getnameinfo(each->ai_addr, each->ai_addrlen, shown.data(), shown.size(), nullptr, 0, NI_NUMERICHOST) ==
            0) {
            const std::string_view address{shown.data()};
            const bool is_v4 = address.starts_with(mapped) && address.find('.') != std::string_view::npos;
            result.emplace_back(is_v4 ? address.substr(mapped.size()) : address);
        }
    std::sort(result.begin(), result.end());
    return result;
}

struct Questions {
    std::mutex mutex;
    std::condition_variable answered;
    std::vector<std::string> open;
    Addresses answers;
};

// An exception that leaves a thread ends the process: without memory, for example, the name just does not resolve.
std::vector<std::string> resolve_or_none(const std::string& name) {
    try {
        return resolve(name, 0);
    } catch (const std::exception&) {
        return {};
    }
}

void answer(const std::shared_ptr<Questions>& questions) {
    std::unique_lock lock{questions->mutex};
    while (!questions->open.empty()) {
        const auto name = std::move(questions->open.back());
        questions->open.pop_back();
        lock.unlock();
        auto addresses = resolve_or_none(name);
        lock.lock();
        questions->answers[name] = std::move(addresses);
        questions->answered.notify_one();
    }
}

Addresses ask(const std::set<std::string>& names, const Deadline& deadline) {
    const auto questions = std::make_shared<Questions>();
    questions->open.assign(names.begin(), names.end());
    for (std::size_t i = 0; i < std::min(names.size(), most_threads); ++i) {
        try {
            std::thread{[questions] {
                try {
                    answer(questions);
                } catch (const std::exception&) {
                    // The names that are left are not answered, so ask() waits until its deadline.
                }
            }}.detach();
        } catch (const std::system_error&) {
            // The system allows no more threads, so the existing ones do the work.
            if (i == 0)
                throw;
            break;
        }
    }
    std::unique_lock lock{questions->mutex};
    questions->answered.wait_for(lock, deadline.at_most(longest_wait).left(),
                                 [&] { return questions->answers.size() == names.size(); });
    questions->open.clear();
    return questions->answers;
}

struct Claim {
    std::size_t plan;
    const Trunk* trunk;
    bool is_name; // the host is a name, not an address
};

// The first of two claims to an address keeps it. An operator who approved an address approved that address; of a name,
// only the name: whoever controls it decides which address it leads to.
std::vector<Claim> claims_by_rank(const Checked& checked) {
    std::vector<Claim> claims;
    for (std::size_t place = 0; place < checked.plans.size(); ++place)
        for (const auto& trunk : checked.plans[place].organization.trunks)
            if (trunk.trunk_type == "peer")
                claims.push_back({place, &trunk, resolve(trunk.host, AI_NUMERICHOST).empty()});
    std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
        return std::tie(a.is_name, a.trunk->approved_at, a.trunk->held_since, a.trunk->id) <
               std::tie(b.is_name, b.trunk->approved_at, b.trunk->held_since, b.trunk->id);
    });
    return claims;
}

std::string fault_of(const Claim& claim, const std::string& address, const Claim& owner, const Checked& checked) {
    const auto host = harmless(claim.trunk->host);
    const auto shown = host == address ? host : fmt::format("{} ({})", host, address);
    return fmt::format("its host {} belongs to a trunk of {} {}", shown,
                       harmless(checked.plans[owner.plan].organization.name),
                       claim.is_name && !owner.is_name ? "whose host is that address" : "that was approved earlier");
}

struct LaterPeer {
    std::size_t plan;
    std::string trunk_id;
    std::string fault;
};

void leave_out(Checked& checked, const LaterPeer& peer) {
    auto& plan = checked.plans[peer.plan];
    auto& trunks = plan.organization.trunks;
    const auto trunk =
        std::find_if(trunks.begin(), trunks.end(), [&](const Trunk& each) { return each.id == peer.trunk_id; });
    const auto suffix = " of " + harmless(plan.organization.name);
    checked.refusals.push_back({plan.prefix(), "trunk " + harmless(trunk->name) + suffix, peer.fault, {}, true});
    for (const auto& route : plan.organization.routes)
        if (route.trunk_id == peer.trunk_id)
            checked.warnings.push_back({plan.prefix(), fmt::format("route {}{} has no active trunk: its calls fail",
                                                                   harmless(route.name), suffix)});
    trunks.erase(trunk);
}

} // namespace

Addresses addresses_of_peers(const Checked& checked, const Deadline& deadline) {
    const auto claims = claims_by_rank(checked);
    if (std::all_of(claims.begin(), claims.end(), [&](const Claim& each) { return each.plan == claims.front().plan; }))
        return {};
    Addresses result;
    std::set<std::string> names;
    for (const auto& claim : claims) {
        const auto& host = claim.trunk->host;
        if (auto address = resolve(host, AI_NUMERICHOST); !address.empty())
            result[host] = std::move(address);
        else
            names.insert(host);
    }
    auto answers = ask(names, deadline);
    for (const auto& name : names)
        if (answers[name].empty())
            log::warn("the host {} of a trunk does not resolve, and is not compared with the hosts of other trunks",
                      harmless(name));
    result.merge(answers);
    return result;
}

void separate_addresses(Checked& checked, const Addresses& addresses) {
    const auto claims = claims_by_rank(checked);
    std::map<std::string, const Claim*> owners; // of addresses
    std::vector<LaterPeer> refused;
    for (const auto& claim : claims) {
        const auto found = addresses.find(claim.trunk->host);
        if (found == addresses.end())
            continue;
        const auto& wanted = found->second;
        const auto taken = std::find_if(wanted.begin(), wanted.end(), [&](const auto& address) {
            const auto owner = owners.find(address);
            return owner != owners.end() && owner->second->plan != claim.plan;
        });
        if (taken == wanted.end())
            for (const auto& address : wanted)
                owners.emplace(address, &claim);
        else
            refused.push_back({claim.plan, claim.trunk->id, fault_of(claim, *taken, *owners.at(*taken), checked)});
    }
    for (const auto& peer : refused)
        leave_out(checked, peer);
}

} // namespace pbx::deploy
