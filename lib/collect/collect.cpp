// A batch at a time: the calls are found by one query, what only the archive has comes with few runs of rclone, and the
// files are written and synced together.
#include "collect/collect.hpp"

#include "base/lock.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/parallel.hpp"
#include "cdr/call_query.hpp"
#include "cdr/tenants.hpp"
#include "collect/ahead.hpp"
#include "collect/catalogue.hpp"
#include "collect/gathered_answer.hpp"
#include "collect/kept_files.hpp"
#include "collect/name_template.hpp"
#include "collect/placing.hpp"
#include "collect/wanted_calls.hpp"
#include "db/tenant_choice.hpp"
#include "recording/absence.hpp"
#include "recording/chosen_call.hpp"
#include "recording/fetch_tiers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <system_error>
#include <utility>

namespace pbx::collect {

namespace {

constexpr std::size_t batch_size = 256; // each file that is written has two descriptors until all are synced

// A call of the batch that is not there yet.
struct Task {
    cdr::Call call;
    Entry entry; ///< as far as it is known before the call is served
    Exit woven = Exit::ok;
};

using Journeys = std::map<std::string, cdr::Journey>; // by Entry::key()

class Collection {
  public:
    explicit Collection(const CollectOptions& options)
        : options_{options}, template_{options.name}, folder_{Folder::create(options.folder)},
          lock_{folder_, ".pbx-recording-fetch.lock"}, catalogue_{folder_}, deadline_{Deadline::of_run(
                                                                                options.fetch.timeout)},
          sources_{options.fetch.places, recording::LegSources::WithoutCache::use_private_folder, lock_.fd()} {}

    Exit run(const std::vector<std::string>& names) {
        for (std::size_t at = 0; at < names.size(); at += batch_size) {
            if (deadline_.passed()) {
                stop_early(names.size() - at);
                break;
            }
            fetch_batch({names.data() + at, std::min(batch_size, names.size() - at)});
        }
        catalogue_.save();
        log::note("{} fetched, {} already there, {} failed", fetched_, kept_, failed_);
        return status_;
    }

    /// What was fetched stays listed whatever ends the run.
    void save() const { catalogue_.save(); }

  private:
    void fetch_batch(std::span<const std::string> names) {
        recording::ArchivedFacts facts{options_.fetch.database, options_.fetch.timeout, sources_, deadline_};
        auto tasks = find_calls(facts.session(), names);
        leave_kept_files(tasks);
        weave(tasks);
        if (tasks.empty())
            return;
        Ahead ahead{{folder_, options_.fetch.places.stitched, options_.fetch.overlap, options_.jobs, sources_, facts,
                     deadline_}};
        std::vector<cdr::Call> calls;
        calls.reserve(tasks.size());
        for (const auto& task : tasks)
            calls.push_back(task.call);
        ahead.fetch(calls);
        std::vector<Parcel> parcels;
        for (auto& task : tasks)
            if (auto parcel = serve(task, facts, ahead))
                parcels.push_back(*std::move(parcel));
        place(parcels, {options_.conversion, options_.jobs}, folder_, catalogue_);
        for (auto& parcel : parcels)
            finish(std::move(parcel.entry));
    }

    std::vector<Task> find_calls(soci::session& session, std::span<const std::string> names) {
        account_ = db::chosen_account(session, {options_.fetch.organization, options_.fetch.account});
        std::vector<std::string> plain;
        for (const auto& name : names)
            plain.push_back(cdr::CallName::parse(name).call);
        const auto found = cdr::find_calls(session, options_.fetch.places.naming(), plain);
        std::vector<Task> tasks;
        std::vector<recording::AbsentCall> absent;
        for (const auto& name : names)
            if (auto task = choose(found, name, absent))
                tasks.push_back(*std::move(task));
        explain(session, absent);
        name_files(tasks, read_journeys(session, tasks));
        return tasks;
    }

    // Nothing when there is no such call, or another name meant it before.
    std::optional<Task> choose(const cdr::CallsByName& found, const std::string& text,
                               std::vector<recording::AbsentCall>& absent) {
        auto task = task_of(text);
        try {
            const auto name = cdr::CallName::parse(text);
            const auto calls = found.find(name.call);
            auto call =
                recording::choose_call(calls == found.end() ? std::vector<cdr::Call>{} : calls->second, name, account_);
            if (!call) {
                absent.push_back({name, account_});
                return std::nullopt;
            }
            task.call = *std::move(call);
        } catch (const Error& error) {
            fail(task.entry, error);
            return std::nullopt;
        }
        describe_call(task);
        if (!seen_.insert(task.entry.key()).second)
            return std::nullopt;
        return task;
    }

    void explain(soci::session& session, const std::vector<recording::AbsentCall>& calls) {
        if (calls.empty())
            return;
        const auto reasons = recording::explain_absences(session, calls);
        for (std::size_t at = 0; at < calls.size(); ++at) {
            auto task = task_of(calls[at].name.text());
            task.entry.absence = reasons[at].state();
            fail(std::move(task.entry), reasons[at]);
        }
    }

    static Task task_of(const std::string& text) {
        Task task;
        task.entry.name = text;
        task.entry.fetched = utc_time(current_second());
        return task;
    }

    void describe_call(Task& task) const {
        auto& entry = task.entry;
        entry.linkedid = task.call.linkedid;
        entry.account = task.call.accountcode;
        entry.start = utc_time(task.call.started);
        entry.consent = task.call.consent;
        entry.paused = task.call.paused;
        entry.format = audio::encoding_name(options_.conversion.encoding);
        entry.channel = audio::channel_name(options_.conversion.channel);
        entry.overlap = options_.fetch.overlap == recording::Overlap::trim ? "trim" : "keep";
    }

    Journeys read_journeys(soci::session& session, const std::vector<Task>& tasks) const {
        Journeys journeys;
        if (!template_.needs_journey() || tasks.empty())
            return journeys;
        std::vector<std::string> linkedids;
        linkedids.reserve(tasks.size());
        for (const auto& task : tasks)
            linkedids.push_back(task.call.linkedid);
        for (auto& journey : cdr::find_journeys(session, cdr::load_tenants(session), linkedids)) {
            const auto key = journey.linkedid + "/" + journey.accountcode;
            journeys.insert_or_assign(key, std::move(journey));
        }
        return journeys;
    }

    void name_files(std::vector<Task>& tasks, const Journeys& journeys) {
        std::erase_if(tasks, [&](Task& task) {
            try {
                const auto key = task.entry.key();
                const auto journey = journeys.find(key);
                const auto base = template_.name_of(task.call, journey == journeys.end() ? nullptr : &journey->second);
                task.entry.file = catalogue_.choose_file(key, base, task.entry.format);
                return false;
            } catch (const Error& error) {
                fail(task.entry, error);
                return true;
            }
        });
    }

    void leave_kept_files(std::vector<Task>& tasks) {
        std::vector<KeptFile> kept;
        kept.reserve(tasks.size());
        for (const auto& task : tasks)
            kept.push_back({task.call, task.entry, catalogue_.find(task.entry.key())});
        const auto right = find_kept_files(kept, folder_, sources_.local(), options_.jobs);
        std::size_t at = 0;
        std::erase_if(tasks, [&](const Task& task) {
            if (!right[at++])
                return false;
            ++kept_;
            log::note("{}: {} is already there", task.entry.name, task.entry.file);
            return true;
        });
    }

    void weave(std::vector<Task>& tasks) {
        std::erase_if(tasks, [&](Task& task) {
            try {
                recording::require_served(task.call, {});
                task.woven = sources_.weave_halves(task.call.legs);
                return false;
            } catch (const Error& error) {
                fail(task.entry, error);
                return true;
            }
        });
    }

    // Nothing when the call failed.
    std::optional<Parcel> serve(Task& task, recording::ArchivedFacts& facts, const Ahead& ahead) {
        try {
            if (deadline_.passed())
                throw Error{Exit::temporary, "the deadline passed",
                            "run it again: it continues; --timeout gives more time"};
            GatheredAnswer answer;
            recording::EarlyCheck early{options_.fetch.places.stitched, ""};
            recording::FetchWork work{options_.fetch, deadline_, sources_, answer, facts, early, &ahead.objects()};
            task.entry.status = worst(task.woven, serve_call(work, task.call));
            return make_parcel(task, answer, facts, ahead);
        } catch (const Error& error) {
            fail(task.entry, error);
            return std::nullopt;
        }
    }

    static Parcel make_parcel(Task& task, GatheredAnswer& answer, recording::ArchivedFacts& facts, const Ahead& ahead) {
        Parcel parcel{std::move(task.entry), answer.take()};
        parcel.entry.source = answer.headers().source;
        const bool is_leg = task.call.legs.size() == 1 && !answer.headers().without_manifest;
        const auto name = is_leg ? task.call.legs.front() : recording::stitched_name(task.call);
        const auto& known = is_leg ? facts.of_legs() : facts.of_recordings();
        const auto content = known.find(name);
        const bool is_remote = parcel.entry.source.ends_with("-remote");
        const bool has_facts = is_remote && content != known.end();
        if (!answer.headers().without_manifest)
            describe_content(parcel, task.call, has_facts);
        if (has_facts)
            parcel.sha256 = content->second.sha256;
        if (is_remote) {
            parcel.from = ahead.find_movable(is_leg ? Shelf::legs : Shelf::stitched, name);
            parcel.from_name = name;
        }
        return parcel;
    }

    static void describe_content(Parcel& parcel, const cdr::Call& call, bool has_facts) {
        auto& entry = parcel.entry;
        entry.verified = has_facts;
        if (call.legs.size() == 1) {
            entry.legs = call.legs;
            if (entry.status != Exit::ok)
                entry.error = "a half of the leg is unreadable";
            return;
        }
        const auto manifest = audio::Manifest::from(audio::read_wav_header(parcel.body.get(), entry.file));
        if (!manifest)
            return;
        for (const auto& leg : manifest->legs)
            entry.legs.push_back(leg.name);
        entry.empty = manifest->empty;
        entry.missing = manifest->missing;
        for (const auto& leg : manifest->lacking(call.legs))
            if (std::find(entry.missing.begin(), entry.missing.end(), leg) == entry.missing.end())
                entry.missing.push_back(leg);
        entry.unreadable = manifest->unreadable;
        if (entry.status != Exit::ok)
            entry.error = "a leg is unreadable";
        entry.verified = has_facts || (entry.source != "stitched-remote" && !manifest->xxh128.empty());
    }

    void finish(Entry entry) {
        if (entry.file.empty())
            return fail(entry, Error{entry.status, entry.error});
        ++fetched_;
        status_ = worst(status_, entry.status);
        log::note("{}: {} from {}", entry.name, entry.file, entry.source);
        catalogue_.set(std::move(entry));
    }

    // A file that an earlier run has left there stays, and stays listed.
    void fail(Entry entry, const Error& error) {
        ++failed_;
        status_ = worst(status_, error.status());
        const bool is_new_hint = hints_.insert(error.hint()).second;
        log::error({error.status(), entry.name + ": " + error.what(), is_new_hint ? error.hint() : std::string{}});
        const auto* known = catalogue_.find(entry.key());
        if (known != nullptr && !known->file.empty() && folder_.look(known->file))
            entry = *known;
        else
            entry.file.clear();
        entry.status = error.status();
        entry.error = error.what();
        catalogue_.set(std::move(entry));
    }

    void stop_early(std::size_t left) {
        status_ = worst(status_, Exit::temporary);
        log::warn("stopped {}, with {} calls left; run it again to continue",
                  deadline_.interrupted() ? std::string{"when it was interrupted"}
                                          : fmt::format("after {} s (--timeout)", options_.fetch.timeout.count()),
                  left);
    }

    const CollectOptions& options_;
    NameTemplate template_;
    Folder folder_;
    RunLock lock_;
    Catalogue catalogue_;
    Deadline deadline_;
    recording::LegSources sources_;
    std::optional<std::string> account_; ///< only its calls
    std::set<std::string> seen_;         ///< keys of calls
    std::set<std::string> hints_;        ///< that were printed
    std::size_t fetched_ = 0;
    std::size_t kept_ = 0;
    std::size_t failed_ = 0;
    Exit status_ = Exit::ok;
};

// Files there would count as recordings of the suite, and be archived.
void require_own_folder(const CollectOptions& options) {
    std::error_code failed;
    const auto folder = std::filesystem::weakly_canonical(std::filesystem::absolute(options.folder), failed);
    const auto& places = options.fetch.places;
    for (const auto& place : {places.spool, places.stitched, places.stitch_src}) {
        const auto below = folder.lexically_relative(std::filesystem::weakly_canonical(place, failed));
        if (!below.empty() && *below.begin() != "..")
            throw Error{Exit::usage, "--to " + options.folder + " lies in " + place, "name a folder of your own"};
    }
}

} // namespace

Exit collect(const CollectOptions& options) {
    require_own_folder(options);
    const auto names = read_wanted_calls(options.calls);
    Collection collection{options};
    try {
        return collection.run(names);
    } catch (const Error&) {
        collection.save();
        throw;
    }
}

} // namespace pbx::collect
