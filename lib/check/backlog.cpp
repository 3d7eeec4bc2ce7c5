// What the hourly runs should have done by now.
#include "base/folder.hpp"
#include "base/moment.hpp"
#include "cdr/legs.hpp"
#include "check/areas.hpp"
#include "check/session.hpp"
#include "recording/freshness.hpp"
#include "recording/resolved_call.hpp"
#include "spool/leg_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

namespace pbx::check {

namespace {

using namespace std::chrono_literals;

// An hourly run that takes its time, and one that failed.
constexpr std::chrono::seconds late{3h};
constexpr std::chrono::seconds too_late{25h};

std::string in_words(std::chrono::seconds age) {
    const auto hours = age / 1h;
    return hours < 48 ? fmt::format("{} hours", hours) : fmt::format("{} days", hours / 24);
}

// A file that was copied here may have any modification time.
std::chrono::seconds age_of(const struct stat& status, std::chrono::sys_seconds now) {
    const auto since = [&](time_t time) { return now - std::chrono::sys_seconds{std::chrono::seconds{time}}; };
    return since(status.st_mtime) < 0s ? since(status.st_ctime) : since(status.st_mtime);
}

struct Waiting {
    std::size_t count = 0;
    double bytes = 0;
    std::chrono::seconds oldest{0};
    std::string name; ///< of the oldest
};

Waiting legs_waiting(const Folder& spool, const Deadline& deadline) {
    Waiting legs;
    const auto now = current_second();
    spool.for_each_name([&](const std::string& name) {
        if (deadline.passed())
            throw Error{Exit::temporary, "not all legs in the spool were looked at in time", "increase --timeout"};
        const auto status = spool::is_leg_name(name) ? spool.look(name) : std::nullopt;
        if (!status || !S_ISREG(status->st_mode))
            return;
        ++legs.count;
        legs.bytes += static_cast<double>(status->st_size);
        if (const auto age = age_of(*status, now); legs.name.empty() || age > legs.oldest) {
            legs.oldest = age;
            legs.name = name;
        }
    });
    return legs;
}

void check_legs(const Folder& spool, bool archived, const Deadline& deadline, Findings& findings) {
    const auto legs = legs_waiting(spool, deadline);
    findings.measure({"legs_waiting", "Legs in the spool.", static_cast<double>(legs.count), {}});
    findings.measure({"legs_waiting_bytes", "Bytes of legs in the spool.", legs.bytes, {}});
    findings.measure({"oldest_leg_seconds",
                      "Time since the oldest leg in the spool was written.",
                      static_cast<double>(legs.oldest.count()),
                      {}});
    const auto hint = fmt::format("find out why: pbx-archive -v 2>&1 | grep {}", legs.name);
    const auto text = fmt::format("the oldest of {} in the spool has waited for {}: {}", counted(legs.count, "leg"),
                                  in_words(legs.oldest), legs.name);
    if (!archived || legs.oldest < late)
        findings.ok(fmt::format("{} in the spool", counted(legs.count, "leg")));
    else
        findings.add({legs.oldest < too_late ? State::warning : State::failure, text, hint});
}

// Facts wait in the spool while the database does not answer.
void check_facts(const Folder& spool, Findings& findings) {
    const auto journal = spool.look(".facts");
    if (!journal || journal->st_size == 0)
        return;
    const auto age = age_of(*journal, current_second());
    if (age >= late)
        findings.warn(fmt::format("facts of archived recordings have waited for the database for {}", in_words(age)),
                      "run pbx-archive -v, and see what it says about the facts");
}

class CallsDue {
  public:
    CallsDue(const CheckOptions& options, const Deadline& deadline)
        : deadline_{deadline}, legs_{Folder::open(options.places.spool)} {
        std::error_code failed;
        if (std::filesystem::exists(options.places.stitched, failed))
            stitched_ = Folder::open(options.places.stitched);
    }

    Waiting find(soci::session& session) const {
        Waiting due;
        auto calls = cdr::DueCalls::since(session, too_late);
        while (auto call = calls.next()) {
            if (deadline_.passed())
                throw Error{Exit::temporary, "not all calls were looked at in time", "increase --timeout"};
            const auto age = current_second() - call->ended;
            if (call->legs.size() < 2 || age < late || !is_due(*call))
                continue;
            ++due.count;
            if (age > due.oldest) {
                due.oldest = age;
                due.name = call->linkedid;
            }
        }
        return due;
    }

  private:
    // Whether this machine has a leg of the call and no recording that is up to date.
    bool is_due(const cdr::Call& call) const {
        try {
            const auto resolved = recording::resolve_call(call, legs_);
            const bool here =
                std::any_of(resolved.legs.begin(), resolved.legs.end(), [](const recording::LocatedLeg& leg) {
                    return leg.place == recording::LocatedLeg::Place::spool;
                });
            return here && !is_current(resolved);
        } catch (const Error&) {
            return false; // pbx-stitch reports it
        }
    }

    bool is_current(const recording::ResolvedCall& call) const {
        constexpr auto overlap = recording::Overlap::keep;
        return stitched_ && (recording::check_file(call, legs_, *stitched_, overlap).exists ||
                             recording::check_evicted(call, legs_, *stitched_, overlap).current);
    }

    const Deadline& deadline_;
    recording::LocalLegs legs_;
    std::optional<Folder> stitched_;
};

void check_calls(soci::session& session, const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    const auto due = CallsDue{options, deadline}.find(session);
    findings.measure({"calls_due",
                      "Calls that ended hours ago and have no stitched recording.",
                      static_cast<double>(due.count),
                      {}});
    if (due.count > 0)
        findings.warn(fmt::format("{} without a stitched recording, the oldest ended {} ago: {}",
                                  counted(due.count, "call"), in_words(due.oldest), due.name),
                      "run pbx-stitch -v " + due.name);
    else
        findings.ok("no call waits for its stitched recording");
}

} // namespace

void check_backlog(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    const auto spool = Folder::open(options.places.spool);
    check_legs(spool, !options.places.remote.empty(), deadline, findings);
    check_facts(spool, findings);
    soci::session session;
    if (connect(session, options, deadline, findings, "calls that are due"))
        check_calls(session, options, deadline, findings);
}

} // namespace pbx::check
