// Streams the due calls, skips those that are up to date, and builds the rest in batches: missing legs come back from
// the archive in few rclone runs, and a batch is synced once.
#include "recording/stitch.hpp"

#include "base/deadline.hpp"
#include "base/lock.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "cdr/legs.hpp"
#include "db/nodes.hpp"
#include "db/recordings.hpp"
#include "db/session.hpp"
#include "recording/freshness.hpp"
#include "recording/leg_sources.hpp"
#include "recording/metrics.hpp"
#include "recording/metrics_run.hpp"
#include "recording/stitch_batch.hpp"
#include "recording/stitch_results.hpp"
#include "recording/stitch_room.hpp"
#include "recording/weave_run.hpp"
#include "spool/halves.hpp"
#include "spool/moved_journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

namespace pbx::recording {

namespace {

using Place = LocatedLeg::Place;

// The folder of stitched recordings, locked. A dry run makes nothing, not even a folder or a lock.
struct Workplace {
    std::optional<Folder> stitched;
    std::optional<RunLock> lock;

    Workplace(const StitchOptions& options, const Folder& spool) {
        std::error_code ignored;
        if (!options.dry_run) {
            stitched = Folder::create(options.places.stitched, &spool);
            lock.emplace(*stitched, ".pbx-stitch.lock");
        } else if (std::filesystem::exists(options.places.stitched, ignored)) {
            stitched = Folder::open(options.places.stitched);
        }
    }
    int lock_fd() const { return lock ? lock->fd() : -1; }
};

class StitchRun {
  public:
    StitchRun(const StitchOptions& options, Metrics& metrics)
        : options_{options}, deadline_{Deadline::of_run(options.timeout)},
          workplace_{options, Folder::open(options.places.spool)},
          sources_{options.places, LegSources::WithoutCache::fail, workplace_.lock_fd()}, results_{options.json,
                                                                                                   options.dry_run,
                                                                                                   metrics} {}

    LegSources& sources() { return sources_; }

    /// Before the calls, and before the database is needed.
    void weave() {
        const WeaveOptions weaving{options_.places.space, options_.jobs, options_.dry_run};
        try {
            sources_.add_unreadable(weave_all(sources_.local().spool(), weaving, results_, deadline_));
            halves_ = spool::HalvesFolder::find(sources_.local().spool());
        } catch (const Error& error) {
            results_.failed(error);
        }
        results_.begin_calls();
    }

    /// The linkedids of the options that can be those of calls. The others fail, and keep none of these.
    std::vector<std::string> named_calls() {
        std::vector<std::string> named;
        for (const auto& linkedid : options_.linkedids) {
            try {
                cdr::require_linkedid(linkedid);
                named.push_back(linkedid);
            } catch (const Error& error) {
                results_.failed(error);
            }
        }
        return named;
    }

    /// `session` is that of `due`, which are the calls `named` if there are any.
    Exit run(cdr::DueCalls due, const std::vector<std::string>& named, soci::session& session) {
        std::set<std::string> not_seen{named.begin(), named.end()};
        for (bool more = true; more;) {
            auto calls = next_calls(due, more, not_seen);
            results_.expect(due.total());
            sort_out(std::move(calls));
            if (incomplete_.size() >= batch_size || due_.size() >= batch_size || !more)
                look_for_missing();
            if (due_.size() >= batch_size || !more)
                build_due(session);
            if (more && deadline_.passed()) {
                const auto when = deadline_.interrupted()
                                      ? std::string{"when it was interrupted"}
                                      : fmt::format("after {} s (--timeout)", options_.timeout.count());
                log::warn("stopped {}, with {} recordings stitched; the next run continues with the other calls", when,
                          results_.stitched_count());
                results_.record_status(Exit::temporary);
                break;
            }
        }
        for (const auto& linkedid : not_seen)
            results_.failed(
                Error{Exit::no_input, "no recorded call \"" + shown(linkedid) + "\"", "pbx-calls lists calls"});
        return results_.finish();
    }

  private:
    // Up to a batch of calls that have legs to join. `more` becomes false after the last one.
    static std::vector<cdr::Call> next_calls(cdr::DueCalls& due, bool& more, std::set<std::string>& not_seen) {
        std::vector<cdr::Call> calls;
        while (calls.size() < batch_size) {
            auto call = due.next();
            more = call.has_value();
            if (!more)
                break;
            not_seen.erase(call->linkedid);
            if (call->legs.size() < 2)
                log::note("{} has one leg, which needs no stitching", display_name(*call));
            else
                calls.push_back(*std::move(call));
        }
        return calls;
    }

    Freshness check(const ResolvedCall& call) const {
        if (!workplace_.stitched)
            return {false, false, false, false, "new", {}};
        auto here = check_file(call, sources_.local(), *workplace_.stitched, options_.overlap);
        if (here.exists || !options_.linkedids.empty())
            return here;
        auto evicted = check_evicted(call, sources_.local(), *workplace_.stitched, options_.overlap);
        return evicted.current ? evicted : here;
    }

    // Finds out, in parallel, which calls need work.
    void sort_out(std::vector<cdr::Call> calls) {
        std::vector<std::optional<StitchTask>> tasks(calls.size());
        std::vector<char> is_current(
            calls.size()); // not vector<bool>, whose elements threads cannot write side by side
        parallel_for(calls.size(), options_.jobs, [&](std::size_t i) {
            try {
                auto call = resolve_call(calls[i], sources_.local());
                auto freshness = check(call);
                is_current[i] = freshness.current ? 1 : 0;
                tasks[i] = StitchTask{std::move(call), freshness.exists, std::move(freshness.reason),
                                      std::move(freshness.manifest.missing)};
            } catch (const Error& error) {
                results_.failed(calls[i], error);
            }
        });
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            auto& task = tasks[i];
            if (!task)
                continue;
            if (is_current[i] == 0) {
                due_.push_back(*std::move(task));
                continue;
            }
            results_.up_to_date(task->call.call);
            if (!task->missing.empty() && sources_.archive() != nullptr && !options_.dry_run)
                incomplete_.push_back(*std::move(task));
        }
    }

    // A leg that an up-to-date recording lists as missing may have reached the archive since, from another node.
    void look_for_missing() {
        auto tasks = std::exchange(incomplete_, {});
        std::vector<std::string> names;
        for (const auto& task : tasks)
            names.insert(names.end(), task.missing.begin(), task.missing.end());
        const auto archived = sources_.find_archived(names, deadline_);
        for (auto& task : tasks) {
            const auto found = std::find_if(task.missing.begin(), task.missing.end(),
                                            [&](const std::string& name) { return archived.contains(name); });
            if (found == task.missing.end())
                continue;
            task.reason = *found + " was missing and is in the archive now";
            due_.push_back(std::move(task));
        }
    }

    void build_due(soci::session& session) {
        auto tasks = take_own_tasks();
        if (options_.dry_run) {
            for (const auto& task : tasks)
                results_.would_stitch(task.call.call, task.reason);
            return;
        }
        const auto expected = find_facts(tasks, session);
        refuse_others(tasks, expected);
        if (!room_)
            room_.emplace(options_.places, *workplace_.stitched, sources_);
        while (!tasks.empty()) {
            auto fitting = room_->take_fitting(tasks, expected, deadline_);
            if (fitting.empty()) {
                for (const auto& task : tasks)
                    results_.held_up(task.call.call, room_->no_room());
                return;
            }
            complete(fitting, expected);
            const StitchBatch batch{*workplace_.stitched, sources_.local(), options_.overlap, options_.jobs};
            for (std::size_t at = 0; at < fitting.size(); at += batch_size)
                build_batch(batch, {fitting.data() + at, std::min(batch_size, fitting.size() - at)}, results_);
        }
    }

    std::vector<StitchTask> take_own_tasks() {
        std::vector<StitchTask> own;
        for (auto& task : std::exchange(due_, {})) {
            if (is_own(task))
                own.push_back(std::move(task));
            else
                results_.belongs_elsewhere(task.call.call);
        }
        return own;
    }

    // A call belongs to the nodes that hold, or held, a leg of it.
    bool is_own(const StitchTask& task) {
        if (!options_.linkedids.empty() || task.exists)
            return true;
        const auto& legs = task.call.legs;
        if (std::any_of(legs.begin(), legs.end(),
                        [](const LocatedLeg& leg) { return leg.place == Place::spool || leg.place == Place::refused; }))
            return true;
        if (std::any_of(legs.begin(), legs.end(), [&](const LocatedLeg& leg) { return is_unwoven(leg.name); }))
            return true;
        // Its legs were archived before it was stitched: the run after the call failed or was killed.
        if (!moved_)
            read_journal();
        return std::any_of(legs.begin(), legs.end(), [&](const LocatedLeg& leg) { return moved_->contains(leg.name); });
    }

    // Whether a later run will make the leg, or continue it: a recorder still has its halves, or there was no room.
    bool is_unwoven(const std::string& leg) const {
        return halves_ && halves_->has(leg) && !sources_.is_unreadable(leg);
    }

    // A journal that cannot be read hides only which calls were this node's; the others are stitched all the same.
    void read_journal() {
        const auto now = current_second();
        moved_ = spool::MovedLegs::since(sources_.local().spool(), now - options_.since - patience_for_other_nodes);
        for (const auto& fault : moved_->faults())
            results_.failed(fault);
    }

    // Also of legs in the spool: they may be other recordings than those that were archived under their names.
    static KnownContents find_facts(const std::vector<StitchTask>& tasks, soci::session& session) {
        std::set<std::string> legs;
        for (const auto& task : tasks)
            legs.insert(task.call.call.legs.begin(), task.call.call.legs.end());
        return db::find_recordings(session, {legs.begin(), legs.end()});
    }

    // Removes the calls of which the spool has another recording under a leg's name.
    void refuse_others(std::vector<StitchTask>& tasks, const KnownContents& archived) {
        std::erase_if(tasks, [&](StitchTask& task) {
            const auto others = sources_.set_aside_others(task.call.legs, archived);
            if (!others.empty())
                results_.failed(task.call.call, others.begin()->second);
            return !others.empty();
        });
    }

    // Brings back legs that left for the archive. Removes the calls that cannot be completed now.
    void complete(std::vector<StitchTask>& tasks, const KnownContents& expected) {
        std::set<std::string> wanted;
        for (auto& task : tasks) {
            sources_.find_in_caches(task.call.legs, expected);
            wanted.merge(as_set(names_elsewhere(task.call.legs)));
        }
        FetchedObjects fetched;
        std::optional<Error> general_failure;
        try {
            fetched = sources_.bring_back({wanted.begin(), wanted.end()}, expected, deadline_);
        } catch (const Error& error) {
            general_failure = error;
        }
        std::erase_if(tasks, [&](StitchTask& task) {
            sources_.find_in_caches(task.call.legs, expected);
            mark_damaged_legs(task.call.legs, fetched.damaged);
            return !is_complete(task, fetched.failures, general_failure);
        });
    }

    // Whether all is known about the call's legs. One forbidden or broken object must not hold up the calls that do not
    // need it.
    bool is_complete(const StitchTask& task, const ObjectFailures& failures,
                     const std::optional<Error>& general_failure) {
        const auto& legs = task.call.legs;
        const auto unwoven =
            std::find_if(legs.begin(), legs.end(), [&](const LocatedLeg& leg) { return is_unwoven(leg.name); });
        if (unwoven != legs.end()) {
            results_.left(task.call.call, "leg " + unwoven->name + " is still in halves");
            return false;
        }
        const auto absent = names_elsewhere(legs);
        for (const auto& name : absent) {
            const auto failure = failures.find(name);
            if (failure == failures.end() && !general_failure)
                continue;
            results_.held_up(task.call.call, failure == failures.end() ? *general_failure : failure->second);
            return false;
        }
        if (absent.empty() || other_nodes_are_done(task.call.call))
            return true;
        results_.left(task.call.call, "leg " + absent.front() + " is neither here nor in the archive yet");
        return false;
    }

    static std::set<std::string> as_set(std::vector<std::string> names) {
        return {std::make_move_iterator(names.begin()), std::make_move_iterator(names.end())};
    }

    const StitchOptions& options_;
    Deadline deadline_;
    Workplace workplace_;
    LegSources sources_;
    StitchResults results_;
    std::optional<spool::HalvesFolder> halves_;
    std::optional<StitchRoom> room_;        ///< not in a dry run
    std::optional<spool::MovedLegs> moved_; ///< legs that this node held
    std::vector<StitchTask> due_;
    std::vector<StitchTask> incomplete_; ///< up to date, but for legs that were missing
};

} // namespace

Exit stitch(const StitchOptions& options) {
    options.places.require_apart();
    output::go_on_without_reader();
    const Metrics::Counters counters{
        {"calls_stitched", "Calls whose stitched recording was written."},
        {"calls_stitched_bytes", "Bytes of stitched recordings written."},
        {"legs_missing", "Legs that a stitched recording lists as missing."},
        {"legs_woven", "Legs made from recordings in the folder of halves."},
        {"legs_woven_bytes", "Bytes of such legs."},
    };
    const MetricsOptions metrics_options{options.dry_run ? std::string{} : options.metrics, "stitch", options.timeout};
    return with_metrics(metrics_options, counters, [&](Metrics& metrics) {
        StitchRun run{options, metrics};
        run.weave();
        soci::session session;
        db::connect(session, options.database, options.timeout);
        if (const auto refused =
                db::refuse_or_enter(session, db::this_node(options.node, options.places.spool), db::NodeTool::stitch,
                                    options.dry_run, Deadline::of_run(options.timeout)))
            throw Error{*refused};
        run.sources().recognize_archive(session, Deadline::of_run(options.timeout));
        const bool count = Progress::wanted();
        const auto naming = options.places.naming();
        const auto named = run.named_calls();
        return run.run(options.linkedids.empty() ? cdr::DueCalls::since(session, naming, options.since, count)
                                                 : cdr::DueCalls::named(session, naming, named, count),
                       named, session);
    });
}

} // namespace pbx::recording
