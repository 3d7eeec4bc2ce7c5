// What the hourly runs should have done by now.
#include "archive/facts_journal.hpp"
#include "base/folder.hpp"
#include "base/moment.hpp"
#include "cdr/legs.hpp"
#include "check/areas.hpp"
#include "check/session.hpp"
#include "recording/build.hpp"
#include "recording/freshness.hpp"
#include "recording/resolved_call.hpp"
#include "spool/halves.hpp"
#include "spool/leg_file.hpp"
#include "spool/leg_folders.hpp"
#include "spool/moved_journal.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace pbx::check {

namespace {

using namespace std::chrono_literals;

// This allows for one hourly run that is slow, and one that failed.
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

    void add(const struct stat& status, std::chrono::sys_seconds now, std::string file) {
        ++count;
        bytes += static_cast<double>(status.st_size);
        if (const auto age = age_of(status, now); name.empty() || age > oldest) {
            oldest = age;
            name = std::move(file);
        }
    }
};

Waiting legs_waiting(const spool::LegFolders& folders, const Deadline& deadline, Findings& findings) {
    Waiting legs;
    const auto now = current_second();
    const auto look = [&](const spool::Day& day, const Folder& folder, const std::string& name) {
        if (deadline.passed())
            throw Error{Exit::temporary, "not all legs in the spool were looked at in time", "increase --timeout"};
        const auto status = spool::is_leg_name(name) ? folder.look(name) : std::nullopt;
        if (status && S_ISREG(status->st_mode))
            legs.add(*status, now, spool::path_below_spool(day, name));
    };
    const auto report = [&](const Error& error) { findings.fail(error); };
    folders.for_each_name(folders.days(report), look, report);
    return legs;
}

void check_legs(const spool::LegFolders& folders, bool archived, const Deadline& deadline, Findings& findings) {
    const auto legs = legs_waiting(folders, deadline, findings);
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

// A recorder writes all the time, so an old half is one that pbx-stitch should have made into a leg.
void check_halves(const Folder& spool, const Deadline& deadline, Findings& findings) {
    const auto halves = spool::HalvesFolder::find(spool);
    if (!halves)
        return;
    Waiting files;
    const auto now = current_second();
    halves->folder().for_each_name([&](const std::string& name) {
        if (deadline.passed())
            throw Error{Exit::temporary, "not all files in halves were looked at in time", "increase --timeout"};
        const auto status = name.front() == '.' ? std::nullopt : halves->folder().look(name);
        if (status && S_ISREG(status->st_mode))
            files.add(*status, now, name);
    });
    if (files.oldest >= late)
        findings.add({files.oldest < too_late ? State::warning : State::failure,
                      fmt::format("the oldest of {} in {} has waited for {}: {}", counted(files.count, "file"),
                                  halves->folder().path().native(), in_words(files.oldest), files.name),
                      "find out why: pbx-stitch -v"});
    else if (files.count > 0)
        findings.ok(fmt::format("{} in {}", counted(files.count, "file"), halves->folder().path().native()));
}

// Every run of pbx-archive appends to the journal, so its modification time says nothing about its first line. Nothing
// for a journal that must not be trusted, which the area spool reports.
std::optional<std::chrono::sys_seconds> oldest_fact(const Folder& spool) {
    std::optional<std::chrono::sys_seconds> oldest;
    const auto keep_first = [&](const nlohmann::json& facts) {
        const std::chrono::microseconds since_epoch{facts.at("archived_at").get<std::int64_t>()};
        if (!oldest)
            oldest = std::chrono::sys_seconds{std::chrono::floor<std::chrono::seconds>(since_epoch)};
    };
    try {
        archive::for_each_journaled_fact(spool, keep_first);
    } catch (const Error& error) {
        if (error.status() != Exit::no_permission)
            throw;
    }
    return oldest;
}

// Facts wait in the spool while the database does not answer.
void check_facts(const Folder& spool, Findings& findings) {
    const auto journal = spool.look(".facts");
    if (!journal || journal->st_size == 0)
        return;
    const auto now = current_second();
    const auto oldest = oldest_fact(spool);
    const auto age = oldest ? now - *oldest : age_of(*journal, now);
    if (age >= late)
        findings.warn(fmt::format("facts of archived recordings have waited for the database for {}", in_words(age)),
                      "run pbx-archive -v, and see what it says about the facts");
}

class CallsDue {
  public:
    CallsDue(const CheckOptions& options, const Deadline& deadline, Findings& findings)
        : deadline_{deadline}, naming_{options.places.naming()}, legs_{Folder::open(options.places.spool),
                                                                       options.places.layout},
          moved_{spool::MovedLegs::since(legs_.spool(),
                                         current_second() - too_late - recording::patience_for_other_nodes)} {
        for (const auto& fault : moved_.faults())
            findings.fail(fault);
        std::error_code failed;
        if (std::filesystem::exists(options.places.stitched, failed))
            stitched_ = Folder::open(options.places.stitched);
        try {
            halves_ = spool::HalvesFolder::find(legs_.spool());
        } catch (const Error&) {
            halves_ = std::nullopt; // check_halves() reports it
        }
    }

    Waiting find(soci::session& session) const {
        Waiting due;
        auto calls = cdr::DueCalls::since(session, naming_, too_late);
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
    // Whether pbx-stitch would make the call's recording on this machine.
    bool is_due(const cdr::Call& call) const {
        try {
            const auto resolved = recording::resolve_call(call, legs_);
            return is_own(resolved) && !is_current(resolved);
        } catch (const Error&) {
            return false; // pbx-stitch reports it
        }
    }

    // A call belongs to the machines that hold, or held, a leg of it, or have halves of one: as pbx-stitch decides.
    bool is_own(const recording::ResolvedCall& call) const {
        using Place = recording::LocatedLeg::Place;
        return std::any_of(call.legs.begin(), call.legs.end(), [&](const recording::LocatedLeg& leg) {
            return leg.place == Place::spool || leg.place == Place::refused || moved_.contains(leg.name) ||
                   (halves_ && halves_->has(leg.name));
        });
    }

    bool is_current(const recording::ResolvedCall& call) const {
        constexpr auto overlap = recording::Overlap::keep;
        return stitched_ && (recording::check_file(call, legs_, *stitched_, overlap).exists ||
                             recording::check_evicted(call, legs_, *stitched_, overlap).current);
    }

    const Deadline& deadline_;
    db::LegNaming naming_;
    recording::LocalLegs legs_;
    spool::MovedLegs moved_;
    std::optional<spool::HalvesFolder> halves_;
    std::optional<Folder> stitched_;
};

void check_calls(soci::session& session, const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    const auto due = CallsDue{options, deadline, findings}.find(session);
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
    check_legs({spool, options.places.layout}, !options.places.remote.empty(), deadline, findings);
    try {
        check_halves(spool, deadline, findings);
    } catch (const Error& error) {
        findings.fail(error);
    }
    check_facts(spool, findings);
    soci::session session;
    if (connect(session, options, deadline, findings, "calls that are due"))
        check_calls(session, options, deadline, findings);
}

} // namespace pbx::check
