// Finds the call, and tries the tiers in order: the recording here, the archive's, one built from the legs.
#include "recording/fetch.hpp"

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "cdr/legs.hpp"
#include "recording/fetch_tiers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace pbx::recording {

namespace {

// The one call that is meant. Another account's call is answered in the same words as one that does not exist.
cdr::Call choose_call(std::vector<cdr::Call> calls, const FetchOptions& options) {
    if (options.account)
        std::erase_if(calls, [&](const cdr::Call& call) { return call.accountcode != *options.account; });
    if (calls.empty())
        throw Error{Exit::no_input, "no recorded call \"" + shown(options.call) + "\"",
                    "a call is named by its CDR id, uniqueid or linkedid; pbx-calls lists them"};
    if (calls.size() == 1)
        return std::move(calls.front());
    std::string accounts;
    for (const auto& call : calls)
        accounts += fmt::format("{}\"{}\"", accounts.empty() ? "" : ", ", shown(call.accountcode));
    throw Error{Exit::usage, "several accounts share linkedid " + shown(calls.front().linkedid) + ": " + accounts,
                "name one with --account"};
}

// Tries one tier. Nothing when it cannot serve the call and nothing has been sent yet; `failure` is then the reason, if
// it was an error.
std::optional<Exit> attempt(Answer& answer, std::optional<Error>& failure,
                            const std::function<std::optional<Exit>()>& serve) {
    try {
        return serve();
    } catch (const Error& error) {
        if (!answer.discard())
            throw;
        if (error.status() == Exit::data)
            log::warn("{}", error.what());
        else
            log::note("{}", error.what());
        failure = error;
        return std::nullopt;
    }
}

std::optional<Exit> serve_archived(FetchWork& work, const ResolvedCall& call) {
    return serve_archived_recording(work, call) ? std::optional{Exit::ok} : std::nullopt;
}

// A damaged recording is replaced by one built from the legs, which a copy from the archive does not do: that one is
// for when a leg is lost.
Exit replace_damaged(FetchWork& work, const ResolvedCall& call, const Error& damage) {
    log::warn("{}; it is not served", damage.what());
    std::optional<Error> failure;
    if (const auto status =
            attempt(work.answer, failure, [&] { return serve_rebuilt_recording(work, call, damage, {}); }))
        return *status;
    if (const auto status = attempt(work.answer, failure, [&] { return serve_archived(work, call); }))
        return *status;
    throw Error{failure ? *failure : damage};
}

Exit serve_stitched(FetchWork& work, const ResolvedCall& call) {
    const auto local = serve_local_recording(work, call);
    if (local.served)
        return Exit::ok;
    if (local.damage)
        return replace_damaged(work, call, *local.damage);
    log::note("{}", local.reason);
    // The legs here may be enough when the archive does not answer; if they are not, its error is reported.
    std::optional<Error> failure;
    if (const auto status = attempt(work.answer, failure, [&] { return serve_archived(work, call); }))
        return *status;
    return serve_rebuilt_recording(work, call, {}, failure);
}

// A call with a leg that is not its own is refused when it is resolved.
Exit weave_own_legs(FetchWork& work, const cdr::Call& call) {
    return call.ambiguous.empty() ? work.sources.weave_halves(call.legs) : Exit::ok;
}

Exit serve(FetchWork& work, cdr::Call call) {
    const auto& leg = work.options.leg;
    if (leg && *leg > call.legs.size())
        throw Error{Exit::no_input,
                    fmt::format("call {} has no leg {}: it has {}", display_name(call), *leg, call.legs.size())};
    if (leg || call.legs.size() == 1)
        return serve_leg(work, call, call.legs.at(leg ? *leg - 1 : 0));
    const auto woven = weave_own_legs(work, call);
    const auto resolved = resolve_call(std::move(call), work.sources.local());
    work.facts.expect(resolved.recording, resolved.call.legs);
    return worst(woven, serve_stitched(work, resolved));
}

} // namespace

Exit fetch(const FetchOptions& options) {
    if (options.call.empty() && options.file.empty())
        throw Error{Exit::usage, "no call is named",
                    "name it by its CDR id, uniqueid or linkedid, or a leg with --file"};
    Answer answer{options.answer};
    LegSources sources{options.places, LegSources::WithoutCache::use_private_folder};
    const auto deadline = Deadline::of_run(options.timeout);
    EarlyCheck early{options.places.stitched, options.leg ? "" : options.call};
    ArchivedFacts facts{options.database, options.timeout, sources, deadline};
    FetchWork work{options, deadline, sources, answer, facts, early};
    if (!options.file.empty())
        return serve_file(work);
    return serve(work, choose_call(cdr::find_calls(facts.session(), options.call), options));
}

} // namespace pbx::recording
