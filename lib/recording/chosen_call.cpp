#include "recording/chosen_call.hpp"

#include "base/error.hpp"
#include "base/name.hpp"
#include "recording/absence.hpp"
#include "recording/resolved_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace pbx::recording {

namespace {

void keep_wanted(std::vector<cdr::Call>& calls, const cdr::CallName& name, const std::optional<std::string>& account) {
    for (const auto& wanted : {name.account, account})
        if (wanted)
            std::erase_if(calls, [&](const cdr::Call& call) { return call.accountcode != *wanted; });
}

// A name that is a linkedid means that call, and a uniqueid on rows of several calls of an account the first of them.
// The account is looked at before, so that no call of another account decides which one is meant.
void keep_one_of_each_account(std::vector<cdr::Call>& calls, const cdr::CallName& name) {
    const auto has_name = [&](const cdr::Call& call) { return call.linkedid == name.call; };
    if (std::any_of(calls.begin(), calls.end(), has_name))
        std::erase_if(calls, std::not_fn(has_name));
    std::set<std::string> accounts;
    std::erase_if(calls, [&](const cdr::Call& call) { return !accounts.insert(call.accountcode).second; });
}

Error several_accounts(const std::vector<cdr::Call>& calls, const cdr::CallName& name) {
    const auto& linkedid = calls.front().linkedid;
    const bool is_shared =
        std::all_of(calls.begin(), calls.end(), [&](const cdr::Call& call) { return call.linkedid == linkedid; });
    const auto what = is_shared ? "share linkedid " + shown(linkedid) : "have calls with uniqueid " + shown(name.call);
    std::string accounts;
    for (const auto& call : calls)
        accounts += fmt::format("{}\"{}\"", accounts.empty() ? "" : ", ", shown(call.accountcode));
    return {Exit::usage, "several accounts " + what + ": " + accounts,
            "name one with --account, or write CALL/ACCOUNTCODE"};
}

} // namespace

std::optional<cdr::Call> choose_call(std::vector<cdr::Call> calls, const cdr::CallName& name,
                                     const std::optional<std::string>& account) {
    keep_wanted(calls, name, account);
    if (calls.empty())
        return std::nullopt;
    keep_one_of_each_account(calls, name);
    if (calls.size() > 1)
        throw several_accounts(calls, name);
    return std::move(calls.front());
}

cdr::Call choose_call(soci::session& session, const db::LegNaming& naming, const cdr::CallName& name,
                      const std::optional<std::string>& account) {
    if (auto call = choose_call(cdr::find_calls(session, naming, name.call), name, account))
        return *std::move(call);
    throw Absent{explain_absences(session, {{name, account}}).front()};
}

void require_served(const cdr::Call& call, std::optional<std::size_t> leg) {
    if (leg && *leg > call.legs.size())
        throw Absent{"no-such-leg",
                     fmt::format("call {} has no leg {}: it has {}", display_name(call), *leg, call.legs.size())};
    if (leg)
        return require_own_leg(call, call.legs.at(*leg - 1));
    for (const auto& name : call.ambiguous)
        require_own_leg(call, name);
}

} // namespace pbx::recording
