// Finds the call, and tries the tiers in order: the recording here, the archive's, one built from the legs.
#include "recording/fetch.hpp"

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "cdr/legs.hpp"
#include "db/tenant_choice.hpp"
#include "recording/absence.hpp"
#include "recording/chosen_call.hpp"
#include "recording/conversion.hpp"
#include "recording/fetch_tiers.hpp"

#include <functional>
#include <utility>

namespace pbx::recording {

namespace {

// Tries one tier. Nothing when it cannot serve the call and nothing has been sent yet; `failure` is then the reason, if
// it was an error.
std::optional<Exit> attempt(Answer& answer, std::optional<Error>& failure,
                            const std::function<std::optional<Exit>()>& serve) {
    try {
        return serve();
    } catch (const NoSuchChannel&) {
        throw;
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

Exit serve_stitched(FetchWork& work, ResolvedCall call) {
    auto local = serve_local_recording(work, call);
    // Another recording under a leg's name is no newer leg.
    if (!local.served && set_aside_others(work, call.legs))
        local = serve_local_recording(work, call);
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

Exit serve_only_leg(FetchWork& work, const cdr::Call& call) {
    try {
        return serve_leg(work, call, call.legs.front());
    } catch (const Absent& absent) {
        const bool is_nowhere = absent.state() == "missing" || absent.state() == "not-here";
        if (is_nowhere && serve_recording_without_manifest(work, call))
            return Exit::ok;
        throw;
    }
}

} // namespace

Exit weave(FetchWork& work, const std::vector<std::string>& legs) {
    return work.ahead == nullptr ? work.sources.weave_halves(legs) : Exit::ok;
}

Exit serve_call(FetchWork& work, cdr::Call call) {
    const auto& leg = work.options.leg;
    require_served(call, leg);
    work.answer.found(call);
    if (leg)
        return serve_leg(work, call, call.legs.at(*leg - 1));
    if (call.legs.size() == 1)
        return serve_only_leg(work, call);
    const auto woven = weave(work, call.legs);
    auto resolved = resolve_call(std::move(call), work.sources.local());
    work.facts.expect(resolved.recording, resolved.call.legs);
    const auto served = serve_stitched(work, std::move(resolved));
    return worst(worst(woven, served), work.status());
}

Exit fetch(const FetchOptions& given, Answer& answer) {
    auto options = given;
    if (options.call.empty() && options.file.empty())
        throw Error{Exit::usage, "no call is named",
                    "name it by its CDR id, uniqueid or linkedid, or a leg with --file"};
    LegSources sources{options.places, LegSources::WithoutCache::use_private_folder};
    const auto deadline = Deadline::of_run(options.timeout);
    const auto name = cdr::CallName::parse(options.call);
    EarlyCheck early{options.places.stitched, options.leg ? "" : name.call, options.account};
    ArchivedFacts facts{options.database, options.timeout, sources, deadline};
    if (!options.organization.empty())
        options.account = db::chosen_account(facts.session(), {options.organization, options.account});
    FetchWork work{options, deadline, sources, answer, facts, early, nullptr};
    try {
        return options.file.empty()
                   ? serve_call(work, choose_call(facts.session(), options.places.naming(), name, options.account))
                   : serve_file(work);
    } catch (const Absent& absent) {
        if (options.json)
            print_absence(options.file.empty() ? options.call : options.file, absent);
        throw;
    }
}

} // namespace pbx::recording
