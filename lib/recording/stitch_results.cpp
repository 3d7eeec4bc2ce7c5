// One error that holds up many calls is printed once, with how many there are.
#include "recording/stitch_results.hpp"

#include "base/log.hpp"
#include "base/name.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace pbx::recording {

// A report on the same terminal shows enough progress.
StitchResults::StitchResults(bool json, bool dry_run, Metrics& metrics)
    : is_dry_run_{dry_run}, metrics_{metrics}, report_{json}, progress_{"stitching", "calls",
                                                                        !json || ::isatty(STDOUT_FILENO) != 1} {}

void StitchResults::add(const cdr::Call& call, const char* action, const std::string& reason,
                        const BuildResult* built) {
    progress_.add(1, 0);
    report_.add(call, action, reason, built);
}

void StitchResults::record_status(Exit status) {
    const std::lock_guard lock{guard_};
    status_ = worst(status_, status);
    if (status != Exit::ok)
        metrics_.add_failure(status);
}

void StitchResults::woven(const WovenLeg& leg) {
    for (const auto& remark : leg.remarks)
        log::warn("leg {}: {}", shown(leg.leg), remark);
    log::note("wove leg {}: {:.1f} s", shown(leg.leg), leg.length.count());
    report_.add_halves(leg.leg, "woven", leg.remarks, leg.length.count());
    {
        const std::lock_guard lock{guard_};
        metrics_.add("legs_woven", 1);
        metrics_.add("legs_woven_bytes", leg.bytes);
    }
    record_status(leg.status);
}

void StitchResults::would_weave(const std::string& leg) {
    log::warn("would make leg {} from its halves", shown(leg));
    report_.add_halves(leg, "would-weave", {});
}

void StitchResults::wove_later(const std::string& leg, const std::string& reason) {
    log::note("left the halves of leg {}: {}", shown(leg), reason);
    report_.add_halves(leg, "left", {reason});
}

void StitchResults::not_woven(const std::string& leg, const Error& error) {
    log::error({error.status(), fmt::format("leg {}: {}", shown(leg), error.what()), error.hint()});
    report_.add_halves(leg, "failed", {error.what()});
    record_status(error.status());
}

void StitchResults::stitched(const cdr::Call& call, const std::string& reason, const BuildResult& built) {
    const auto& manifest = built.manifest;
    for (const auto& fault : built.faults)
        log::error({built.status, "call " + display_name(call) + ": " + fault});
    for (const auto& name : manifest.missing)
        log::warn("call {}: leg {} is missing: it is neither in the spool nor in the archive", display_name(call),
                  shown(name));
    log::note("stitched {}: {} legs, {:.1f} s ({})", display_name(call), manifest.audible(), built.length.count(),
              reason);
    add(call, "stitched", reason, &built);
    {
        const std::lock_guard lock{guard_};
        metrics_.add("calls_stitched", 1);
        metrics_.add("calls_stitched_bytes", built.bytes);
        metrics_.add("legs_missing", manifest.missing.size());
    }
    record_status(built.status);
}

void StitchResults::without_audio(const cdr::Call& call, const BuildResult& built) {
    for (const auto& fault : built.faults)
        log::error({built.status, "call " + display_name(call) + ": " + fault});
    const auto missing = built.manifest.missing.size();
    left(call,
         missing == 0 ? "no leg of it has audio" : fmt::format("no leg of it has audio; {} of them missing", missing));
    record_status(built.status);
}

void StitchResults::would_stitch(const cdr::Call& call, const std::string& reason) {
    log::warn("would stitch {}: {} legs ({})", display_name(call), call.legs.size(), reason);
    add(call, "would-stitch", reason);
}

void StitchResults::up_to_date(const cdr::Call& call) {
    log::note("up to date {}", display_name(call));
    progress_.add(1, 0);
    report_.add_up_to_date();
}

void StitchResults::belongs_elsewhere(const cdr::Call& call) {
    log::note("skipped {}: this node has none of its legs", display_name(call));
    add(call, "elsewhere", "no leg here");
}

void StitchResults::left(const cdr::Call& call, const std::string& reason) {
    log::note("left {}: {}", display_name(call), reason);
    add(call, "left", reason);
}

void StitchResults::failed(const cdr::Call& call, const Error& error) {
    log::error({error.status(), "call " + display_name(call) + ": " + error.what(), error.hint()});
    add(call, error.status() == Exit::temporary ? "left" : "failed", error.what());
    record_status(error.status());
}

void StitchResults::failed(const Error& error) {
    log::error(error);
    record_status(error.status());
}

void StitchResults::held_up(const cdr::Call& call, const Error& error) {
    // An archive that does not answer now may do so at the next run.
    const bool is_away = error.status() == Exit::unavailable;
    const auto status = is_away ? Exit::temporary : error.status();
    log::note("left {}: {}", display_name(call), error.what());
    add(call, is_away ? "left" : "failed", error.what());
    record_status(status);
    constexpr std::size_t most_named = 3;
    const std::lock_guard lock{guard_};
    auto& same = held_up_.try_emplace({error.what(), error.hint()}, HeldUp{status, 0, {}}).first->second;
    if (++same.calls <= most_named)
        same.names += (same.names.empty() ? "" : ", ") + display_name(call);
    else if (same.calls == most_named + 1)
        same.names += ", ...";
}

void StitchResults::report_held_up() const {
    for (const auto& [text, same] : held_up_) {
        const auto calls =
            same.calls == 1 ? "call " + same.names : fmt::format("{} calls ({})", same.calls, same.names);
        log::error({same.status, calls + ": " + text.first, text.second});
    }
}

Exit StitchResults::finish() {
    report_held_up();
    if (is_dry_run_)
        log::warn("{}", report_.sentence());
    else
        log::note("{}", report_.sentence());
    if (const auto failure = report_.finish(status_))
        failed(*failure);
    return status_;
}

} // namespace pbx::recording
