// Streams the due calls, passes over those that are up to date, and builds the rest in batches: what is missing comes
// back from the archive in few rclone runs, and a batch is synced once.
#include "recording/stitch.hpp"

#include "base/atomic_file.hpp"
#include "base/deadline.hpp"
#include "base/lock.hpp"
#include "base/name.hpp"
#include "base/progress.hpp"
#include "base/words.hpp"
#include "cdr/legs.hpp"
#include "db/nodes.hpp"
#include "db/session.hpp"
#include "recording/build.hpp"
#include "recording/metrics.hpp"
#include "recording/moved.hpp"
#include "remote/query.hpp"
#include "remote/remote.hpp"
#include "remote/transfer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <mutex>
#include <set>

namespace pbx::recording {

namespace {

// Calls built at a time: each holds a descriptor until the batch is synced.
constexpr std::size_t batch_size = 256;

struct Task {
    cdr::Call call;
    Standing standing;
    std::vector<std::string> absent; ///< legs that are here no more when the archive has been asked
};

// Calls that one error of the archive holds up.
struct Unfetched {
    Exit kind;
    std::size_t calls;
    std::string names; ///< of the first few
};

// One document on stdout, written as calls come by, so that it need not fit into memory.
class Report {
  public:
    Report(bool json, Progress& progress) : json_{json}, progress_{progress} {
        if (json_)
            fmt::print("{{\"calls\":[");
    }

    void call(const cdr::Call& call, const char* action, const std::string& reason, const Built* built = nullptr) {
        progress_.add(1, 0);
        const std::lock_guard lock{guard_};
        ++counts_[action];
        if (!json_)
            return;
        nlohmann::json entry{{"linkedid", call.linkedid},
                             {"accountcode", call.accountcode},
                             {"action", action},
                             {"reason", reason},
                             {"legs", call.legs}};
        if (built != nullptr) {
            entry["seconds"] = built->length.count();
            entry["empty"] = built->manifest.empty;
            entry["missing"] = built->manifest.missing;
            entry["unreadable"] = built->manifest.unreadable;
        }
        fmt::print("{}\n{}", first_ ? "" : ",", entry.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
        first_ = false;
    }

    void up_to_date() {
        progress_.add(1, 0);
        ++up_to_date_;
    }

    void finish(Exit status) {
        if (!json_)
            return;
        fmt::print("],\n\"up_to_date\":{}", up_to_date_);
        for (const char* action : {"stitched", "would-stitch", "left", "failed", "elsewhere"})
            fmt::print(",\"{}\":{}", action, counts_[action]);
        fmt::print(",\"exit\":{}}}\n", static_cast<int>(status));
    }

  private:
    bool json_;
    Progress& progress_;
    bool first_ = true;
    std::mutex guard_;
    std::map<std::string, std::uint64_t> counts_;
    std::uint64_t up_to_date_ = 0;
};

class Run {
  public:
    Run(const StitchOptions& options, Metrics& metrics)
        : options_{options}, metrics_{metrics}, deadline_{Deadline::after(options.timeout)},
          legs_{Folder::open(options.places.spool)} {
        // A dry run makes nothing, not even a folder or a lock.
        std::error_code ignored;
        if (!options.dry_run)
            stitched_ = Folder::create(options.places.stitched, &legs_.spool());
        else if (std::filesystem::exists(options.places.stitched, ignored))
            stitched_ = Folder::open(options.places.stitched);
        if (!options.dry_run)
            lock_.emplace(*stitched_, ".pbx-stitch.lock");
        open_stitch_src(false);
        if (!options_.places.remote.empty())
            remote_.emplace(options_.places.remote, options_.places.rclone, lock_ ? lock_->fd() : -1);
    }

    Exit work(cdr::DueCalls due) {
        report_.emplace(options_.json, progress_);
        bool more = true;
        while (more) {
            std::vector<Task> block;
            while (block.size() < batch_size) {
                auto call = due.next();
                more = call.has_value();
                if (!more)
                    break;
                named_.erase(call->linkedid);
                if (call->legs.size() < 2) {
                    words::note("{} has one leg, which needs no stitching", shown(*call));
                    continue;
                }
                block.push_back({*std::move(call), {}, {}});
            }
            progress_.expect(due.all(), 0);
            consider(std::move(block));
            if (pending_.size() >= batch_size || !more)
                recheck();
            if (pending_.size() >= batch_size || !more)
                build_pending();
            if (more && deadline_.passed()) {
                words::warn("out of time after {} s; the next run goes on with the other calls",
                            options_.timeout.count());
                met(Exit::temporary);
                break;
            }
        }
        for (const auto& linkedid : named_) {
            words::error(
                {Exit::no_input, "no recorded call \"" + pbx::shown(linkedid) + "\"", "pbx-calls lists calls"});
            met(Exit::no_input);
        }
        say_unfetched();
        report_->finish(status_);
        return status_;
    }

  private:
    void met(Exit status) {
        const std::lock_guard lock{guard_};
        status_ = worst(status_, status);
        if (status != Exit::ok)
            metrics_.fail(status);
    }

    void failed(const cdr::Call& call, const Error& error) {
        words::error({error.kind(), "call " + shown(call) + ": " + error.what(), error.hint()});
        report_->call(call, error.kind() == Exit::temporary ? "left" : "failed", error.what());
        met(error.kind());
    }

    // Remembers a call whose legs the archive did not give: what is the same for many calls is said once, at the end.
    void unfetched(const cdr::Call& call, const Error& error) {
        // An archive that is away now may be back at the next run.
        const bool away = error.kind() == Exit::unavailable;
        const auto kind = away ? Exit::temporary : error.kind();
        words::note("left {}: {}", shown(call), error.what());
        report_->call(call, away ? "left" : "failed", error.what());
        met(kind);
        auto& same = unfetched_.try_emplace({error.what(), error.hint()}, Unfetched{kind, 0, {}}).first->second;
        constexpr std::size_t most_named = 3;
        if (++same.calls <= most_named)
            same.names += (same.names.empty() ? "" : ", ") + shown(call);
        else if (same.calls == most_named + 1)
            same.names += ", ...";
    }

    void say_unfetched() const {
        for (const auto& [text, same] : unfetched_) {
            const auto who =
                same.calls == 1 ? "call " + same.names : fmt::format("{} calls ({})", same.calls, same.names);
            words::error({same.kind, who + ": " + text.first, text.second});
        }
    }

    void left(const cdr::Call& call, const std::string& reason) {
        words::note("left {}: {}", shown(call), reason);
        report_->call(call, "left", reason);
    }

    // The cache of legs fetched back is made when the first leg needs it.
    void open_stitch_src(bool make) {
        const auto& path = options_.places.stitch_src;
        std::error_code ignored;
        if (stitch_src_ || (!make && !std::filesystem::exists(path, ignored)))
            return;
        stitch_src_ = Folder::create(path, &legs_.spool());
        legs_.add_cache(Folder::open(path));
    }

    // Sorts out, in parallel, which calls need work.
    void consider(std::vector<Task> block) {
        parallel_for(block.size(), options_.jobs, [&](std::size_t i) {
            auto& task = block[i];
            try {
                static_cast<void>(stitched_name(task.call));
                require_own_legs(task.call);
                task.standing = stitched_ ? examine_file(task.call, *stitched_, legs_, options_.overlap)
                                          : Standing{false, false, false, "new", {}};
                // Of those that are up to date, only what they miss is looked at again.
                task.standing.manifest.legs = {};
            } catch (const Error& error) {
                failed(task.call, error);
                task.call.legs.clear();
            }
        });
        for (auto& task : block) {
            if (task.call.legs.empty())
                continue;
            if (!task.standing.current) {
                pending_.push_back(std::move(task));
                continue;
            }
            words::note("up to date {}", shown(task.call));
            report_->up_to_date();
            if (!task.standing.manifest.missing.empty() && remote_ && !options_.dry_run)
                missing_.push_back(std::move(task));
        }
    }

    // What an up-to-date recording lists as missing may have reached the archive since, from another node.
    void recheck() {
        const auto tasks = std::exchange(missing_, {});
        std::vector<std::string> names;
        for (const auto& task : tasks)
            names.insert(names.end(), task.standing.manifest.missing.begin(), task.standing.manifest.missing.end());
        if (names.empty())
            return;
        try {
            const auto found = find_objects(*remote_, Shelf::legs, names, deadline_);
            throw_first(found.failures);
            for (const auto& task : tasks)
                for (const auto& name : task.standing.manifest.missing)
                    if (found.objects.contains(name)) {
                        pending_.push_back(task);
                        pending_.back().standing.reason = name + " was missing and is in the archive now";
                        break;
                    }
        } catch (const Error& error) {
            words::note("cannot ask for legs that were missing earlier: {}", error.what());
        }
    }

    // A call belongs to the nodes that hold, or held, a leg of it.
    bool is_ours(const Task& task) {
        if (!options_.linkedids.empty() || task.standing.exists)
            return true;
        const auto& names = task.call.legs;
        if (std::any_of(names.begin(), names.end(),
                        [&](const std::string& name) { return !name_fault(name).empty() || legs_.spool().look(name); }))
            return true;
        // Its legs left before it was stitched: after a run that failed, or was killed.
        if (!moved_)
            read_journal();
        return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return moved_->contains(name); });
    }

    // A journal that cannot be used hides only which calls were ours: the others are stitched all the same.
    void read_journal() {
        moved_ = Moved::since(legs_.spool(), std::time(nullptr) - (options_.since + patience_for_other_nodes).count());
        for (const auto& fault : moved_->faults()) {
            words::error(fault);
            met(fault.kind());
        }
    }

    void build_pending() {
        std::vector<Task> tasks;
        for (auto& task : std::exchange(pending_, {})) {
            if (is_ours(task)) {
                tasks.push_back(std::move(task));
                continue;
            }
            words::note("passed over {}: this node has none of its legs", shown(task.call));
            report_->call(task.call, "elsewhere", "no leg here");
        }
        if (options_.dry_run) {
            for (const auto& task : tasks) {
                words::warn("would stitch {}: {} legs ({})", shown(task.call), task.call.legs.size(),
                            task.standing.reason);
                report_->call(task.call, "would-stitch", task.standing.reason);
            }
            return;
        }
        fetch_missing(tasks);
        for (std::size_t at = 0; at < tasks.size(); at += batch_size)
            build_batch({tasks.data() + at, std::min(batch_size, tasks.size() - at)});
    }

    // Brings back what left for the archive. Calls that cannot be completed now leave `tasks`.
    void fetch_missing(std::vector<Task>& tasks) {
        std::set<std::string> absent;
        for (const auto& task : tasks)
            for (auto& name : legs_.absent(task.call))
                absent.insert(std::move(name));
        if (!absent.empty() && remote_)
            fetch_or_drop(tasks, {absent.begin(), absent.end()});
        const auto now = std::chrono::system_clock::now();
        for (auto& task : tasks)
            task.absent = legs_.absent(task.call);
        std::erase_if(tasks, [&](const Task& task) {
            if (task.absent.empty() || now - task.call.ended >= patience_for_other_nodes)
                return false;
            left(task.call, "leg " + task.absent.front() + " is neither here nor in the archive yet");
            return true;
        });
    }

    // One forbidden or broken object must not hold up the calls that do not need it.
    void fetch_or_drop(std::vector<Task>& tasks, const std::vector<std::string>& names) {
        ObjectFailures failures;
        std::optional<Error> general;
        try {
            open_stitch_src(true);
            failures = fetch_objects(*remote_, Shelf::legs, names, *stitch_src_, deadline_).failures;
        } catch (const Error& error) {
            general = error;
        }
        std::erase_if(tasks, [&](const Task& task) {
            for (const auto& name : legs_.absent(task.call)) {
                const auto failure = failures.find(name);
                if (failure == failures.end() && !general)
                    continue;
                unfetched(task.call, failure == failures.end() ? *general : failure->second);
                return true;
            }
            return false;
        });
    }

    void build_batch(std::span<Task> tasks) {
        std::vector<std::optional<AtomicFile>> files(tasks.size());
        std::vector<Built> built(tasks.size());
        parallel_for(tasks.size(), options_.jobs, [&](std::size_t i) {
            try {
                build_one(tasks[i], files[i], built[i]);
                progress_.add(0, built[i].bytes);
            } catch (const Error& error) {
                files[i].reset();
                failed(tasks[i].call, error);
            }
        });
        std::vector<AtomicFile> finished;
        for (auto& file : files)
            if (file)
                finished.push_back(*std::move(file));
        std::string trouble;
        try {
            AtomicFile::commit_all(finished, *stitched_);
        } catch (const Error& error) {
            words::error(error);
            met(error.kind());
            trouble = error.what();
        }
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            if (!files[i])
                continue;
            if (trouble.empty())
                done(tasks[i], built[i]);
            else
                report_->call(tasks[i].call, "failed", trouble);
        }
    }

    void build_one(Task& task, std::optional<AtomicFile>& file, Built& built) {
        const auto name = stitched_name(task.call);
        auto mine = AtomicFile::try_begin(*stitched_, name, 0640);
        if (!mine) {
            left(task.call, "another process is writing it at this moment");
            return;
        }
        // It may have been written, by a fetch, since we looked.
        if (task.standing = examine_file(task.call, *stitched_, legs_, options_.overlap);
            task.standing.current && task.standing.manifest.missing.empty())
            return;
        built = build(task.call, legs_, task.absent, options_.overlap, mine->fd(), stitched_->path_of(name));
        if (!built.being_written.empty()) {
            left(task.call, "leg " + built.being_written.front() + " is still being recorded");
            return;
        }
        if (!built.gone.empty()) {
            left(task.call, "leg " + built.gone.front() + " left for the archive this moment");
            return;
        }
        if (const auto leg = leg_only_in(*stitched_, task.call, built.manifest); !leg.empty())
            throw Error{Exit::data,
                        "leg " + pbx::shown(leg) + " is nowhere but in " + stitched_->path_of(name) +
                            ", which is therefore kept although " + task.standing.reason,
                        "put the leg back into the spool or the archive; or, to do without it, move that file away"};
        mine->start_writing_out();
        file.emplace(*std::move(mine));
    }

    void done(const Task& task, const Built& built) {
        const auto& manifest = built.manifest;
        for (const auto& fault : built.faults)
            words::error({built.status, "call " + shown(task.call) + ": " + fault});
        for (const auto& name : manifest.missing)
            words::warn("call {}: leg {} is missing: it is neither in the spool nor in the archive", shown(task.call),
                        pbx::shown(name));
        words::note("stitched {}: {} legs, {:.1f} s ({})", shown(task.call), manifest.audible(), built.length.count(),
                    task.standing.reason);
        report_->call(task.call, "stitched", task.standing.reason, &built);
        metrics_.add("calls_stitched", 1);
        metrics_.add("calls_stitched_bytes", built.bytes);
        metrics_.add("legs_missing", manifest.missing.size());
        met(built.status);
    }

    const StitchOptions& options_;
    Metrics& metrics_;
    // A report on the same terminal is progress enough.
    Progress progress_{"stitching", "calls", !options_.json || ::isatty(STDOUT_FILENO) != 1};
    Deadline deadline_;
    std::optional<Folder> stitched_;
    std::optional<RunLock> lock_;
    std::optional<Report> report_;
    LocalLegs legs_;
    std::optional<Folder> stitch_src_;
    std::optional<Moved> moved_;                                                        ///< legs that this node held
    std::set<std::string> named_{options_.linkedids.begin(), options_.linkedids.end()}; ///< not seen yet
    std::optional<Remote> remote_;
    std::vector<Task> pending_;
    std::vector<Task> missing_;                                          ///< up to date, with legs that were missing
    std::map<std::pair<std::string, std::string>, Unfetched> unfetched_; ///< by the error's words and hint
    std::mutex guard_;
    Exit status_ = Exit::ok;
};

} // namespace

Exit stitch(const StitchOptions& options) {
    const Metrics::Counters counters{
        {"calls_stitched", "Calls whose stitched recording was written."},
        {"calls_stitched_bytes", "Bytes of stitched recordings written."},
        {"legs_missing", "Legs that a stitched recording lists as missing."},
    };
    return with_metrics(options.dry_run ? std::string{} : options.metrics, "stitch", counters, [&](Metrics& metrics) {
        Run run{options, metrics};
        soci::session session;
        db::connect(session, options.database, options.timeout);
        if (const auto refused =
                db::refuse_or_enter(session, db::this_node(options.node, options.places.spool), db::NodeTool::stitch,
                                    options.dry_run, Deadline::after(options.timeout)))
            throw Error{*refused};
        const bool count = Progress::wanted();
        return run.work(options.linkedids.empty() ? cdr::DueCalls::since(session, options.since, count)
                                                  : cdr::DueCalls::named(session, options.linkedids, count));
    });
}

} // namespace pbx::recording
