// The order is what makes a verdict safe: pbx-archive first stores an object, then writes its facts, then removes the
// leg from the spool or marks the stitched recording. So the remote is asked first, then the spool, then the facts.
#include "archive/suspect_judge.hpp"

#include "archive/facts_journal.hpp"
#include "archive/object_facts.hpp"
#include "archive/source_file.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "recording/build.hpp"
#include "remote/query.hpp"
#include "spool/leg_file.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

namespace pbx::archive {

namespace {

using std::chrono::microseconds;
using std::chrono::sys_time;

std::optional<Folder> open_if_there(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored) ? std::optional{Folder::open(path)} : std::nullopt;
}

bool agrees(const std::optional<db::ListedObject>& object, const db::RecordedFacts* facts) {
    if (!object || facts == nullptr)
        return !object && facts == nullptr;
    return facts->content.matches({object->size, object->md5, {}});
}

std::optional<std::int64_t> time_of(const db::RecordedFacts* facts) {
    return facts == nullptr ? std::nullopt : std::optional{facts->archived_at};
}

sys_time<microseconds> time_of(const struct stat& file) {
    return sys_time<microseconds>{std::chrono::seconds{file.st_mtim.tv_sec} +
                                  std::chrono::floor<microseconds>(std::chrono::nanoseconds{file.st_mtim.tv_nsec})};
}

std::string text_at(const nlohmann::json& facts, const char* key) {
    const auto found = facts.find(key);
    return found == facts.end() ? std::string{} : found->get<std::string>();
}

// The facts of an object that was not archived here; its time is the latest that the remote reports, and never later
// than facts that this suite takes from now on.
nlohmann::json adopted(const db::ListedObject& object, const audio::FileFacts& facts) {
    const auto [shelf, name] = shelf_and_name(object.path);
    const auto now = std::chrono::system_clock::now();
    const std::chrono::system_clock::time_point modified{object.modified};
    const auto time = std::chrono::floor<microseconds>(std::clamp(modified, {}, now));
    auto row = facts_of(shelf, name, facts);
    row["archived_at"] = time.time_since_epoch().count();
    return row;
}

} // namespace

void VerifyContext::fail(const Error& error) {
    constexpr int most_shown = 10;
    if (++failures <= most_shown)
        log::error(error);
    exit = worst(exit, error.status());
}

SuspectJudge::SuspectJudge(VerifyContext& context, ObjectReader* reader)
    : context_{context}, reader_{reader}, stitched_{open_if_there(context.options.places.stitched)},
      mark_{context.options.places.remote + " stitched"}, folders_{context.spool, context.options.places.layout} {}

void SuspectJudge::judge(std::vector<OpenCase> cases) {
    // Facts that changed since the comparison are compared again.
    constexpr int rounds = 3;
    for (int round = 1; !cases.empty(); ++round) {
        ask_remote(cases);
        const auto in_spool = find_in_spool(cases);
        const auto facts = read_facts(cases);
        std::vector<OpenCase> again;
        for (auto& open : cases) {
            const auto found = facts.find(open.suspect.path);
            const auto* known = found == facts.end() ? nullptr : &found->second;
            const bool is_same = open.suspect.archived_at == time_of(known);
            if (agrees(open.suspect.object, known) && !(open.damage && is_same)) {
                context_.counts.right += known != nullptr ? 1 : 0;
            } else if (may_be_awaited(open, in_spool.contains(open.suspect.path), known) ||
                       (!is_same && round == rounds)) {
                ++context_.counts.awaited;
            } else if (!is_same) {
                open.suspect.archived_at = time_of(known);
                open.damage.reset();
                again.push_back(std::move(open));
            } else {
                conclude(open, known);
            }
        }
        cases = std::move(again);
    }
    adopt();
    read_what_has_no_md5();
}

// Objects without facts, of which there may be a million, need no question of their own where the listing has hashes:
// what is known of each is what was listed. Facts that arrive meanwhile are compared in the next round.
void SuspectJudge::ask_remote(std::vector<OpenCase>& cases) {
    std::map<Shelf, std::vector<std::string>> names;
    const auto is_judged_as_listed = [&](const db::Suspect& suspect) {
        return !suspect.archived_at && suspect.object && !suspect.object->md5.empty();
    };
    for (const auto& open : cases) {
        const auto [shelf, name] = shelf_and_name(open.suspect.path);
        if (!is_judged_as_listed(open.suspect))
            names[shelf].push_back(name);
    }
    std::map<Shelf, FoundObjects> answers;
    for (auto& [shelf, some] : names) {
        auto answer = find_objects(context_.remote, shelf, some, context_.deadline);
        if (!answer.failures.empty() && answer.failures.size() == some.size() &&
            answer.failures.begin()->second.status() != Exit::data)
            throw_first(answer.failures);
        answers.emplace(shelf, std::move(answer));
    }
    std::erase_if(cases, [&](OpenCase& open) {
        auto& suspect = open.suspect;
        if (is_judged_as_listed(suspect))
            return false;
        const auto [shelf, name] = shelf_and_name(suspect.path);
        const auto& answer = answers.at(shelf);
        if (const auto failure = answer.failures.find(name); failure != answer.failures.end()) {
            ++context_.counts.unjudged;
            context_.fail(failure->second);
            return true;
        }
        const auto object = answer.objects.find(name);
        if (object == answer.objects.end()) {
            suspect.object.reset();
            return false;
        }
        // A bucket's own time, which only the listing has, is that of the upload.
        const auto listed = suspect.object ? suspect.object->modified : object->second.modified;
        suspect.object = db::ListedObject{suspect.path, object->second.size, object->second.md5,
                                          std::max(listed, object->second.modified)};
        return false;
    });
}

SuspectJudge::Facts SuspectJudge::read_facts(const std::vector<OpenCase>& cases) const {
    std::vector<std::string> paths;
    std::set<std::string_view> wanted;
    for (const auto& open : cases) {
        paths.push_back(open.suspect.path);
        wanted.insert(open.suspect.path);
    }
    Facts facts;
    for_each_journaled_fact(context_.spool, [&](const nlohmann::json& line) {
        auto path = (line["shelf"] == "stitched" ? "stitched/" : "") + line["name"].get<std::string>();
        if (wanted.contains(path))
            facts.insert_or_assign(std::move(path),
                                   db::RecordedFacts{Content{line["size"], line["md5"], text_at(line, "sha256")},
                                                     line["archived_at"], text_at(line, "accountcode"),
                                                     text_at(line, "linkedid")});
    });
    for (auto& [path, known] : db::recorded_facts(context_.session, paths, context_.deadline)) {
        const auto journaled = facts.find(path);
        if (journaled == facts.end() || journaled->second.archived_at <= known.archived_at)
            facts.insert_or_assign(path, std::move(known));
    }
    return facts;
}

// The paths of those that are, or may be, on their way to the archive.
std::set<std::string> SuspectJudge::find_in_spool(const std::vector<OpenCase>& cases) {
    std::set<std::string> found;
    std::set<std::string> legs;
    for (const auto& open : cases) {
        const auto& path = open.suspect.path;
        const auto [shelf, name] = shelf_and_name(path);
        const bool is_unknown = open.suspect.object && !open.suspect.archived_at;
        if (shelf == Shelf::legs && is_unknown && spool::is_leg_name(name))
            legs.insert(name);
        else if (shelf == Shelf::stitched && is_being_replaced(path, nullptr))
            found.insert(path);
    }
    find_legs(std::move(legs), found);
    return found;
}

// One pass over the folders of days finds them all. What was not found may lie where nobody could look.
void SuspectJudge::find_legs(std::set<std::string> wanted, std::set<std::string>& found) {
    std::erase_if(wanted, [&](const std::string& name) {
        const bool is_there = context_.spool.look(name).has_value();
        if (is_there)
            found.insert(name);
        return is_there;
    });
    if (wanted.empty() || !folders_.is_dated())
        return;
    const auto fault = [this](const Error& error) { report_unread(error); };
    const auto collect = [&](const spool::Day&, const Folder&, const std::string& name) {
        if (wanted.contains(name))
            found.insert(name);
    };
    folders_.for_each_name(folders_.days(fault), collect, fault);
    if (!unread_.empty())
        found.merge(wanted);
}

// Reports each error once, even if several passes meet it.
void SuspectJudge::report_unread(const Error& error) {
    if (unread_.insert(error.what()).second)
        context_.fail(error);
}

// Whether the stitched recording on this machine was not archived yet, or has changed since.
bool SuspectJudge::is_being_replaced(const std::string& path, const db::RecordedFacts* facts) const {
    const auto name = shelf_and_name(path).second;
    const auto file = stitched_ ? stitched_->look(name) : std::nullopt;
    if (!file || !S_ISREG(file->st_mode) || mark_.is_set(stitched_->path_of(name), *file))
        return false;
    return facts == nullptr || time_of(*file) > sys_time<microseconds>{microseconds{facts->archived_at}};
}

bool SuspectJudge::may_be_awaited(const OpenCase& open, bool in_spool, const db::RecordedFacts* facts) const {
    if (!open.suspect.object)
        return false;
    const bool is_stitched = shelf_and_name(open.suspect.path).first == Shelf::stitched;
    if (facts == nullptr ? in_spool : is_stitched && in_spool && is_being_replaced(open.suspect.path, facts))
        return true;
    // The spool of another node cannot be seen from here.
    return !context_.options.node.empty() && (facts == nullptr || is_stitched) &&
           open.suspect.object->modified > std::chrono::system_clock::now() - recording::patience_for_other_nodes;
}

void SuspectJudge::conclude(const OpenCase& open, const db::RecordedFacts* facts) {
    const auto& [suspect, damage] = open;
    if (facts == nullptr) {
        if (!context_.options.adopt || context_.options.dry_run)
            return report_unknown(*suspect.object, "");
        (suspect.object->md5.empty() ? without_md5_ : adoptable_).push_back(*suspect.object);
        return;
    }
    Finding finding{"missing", suspect.path, *facts, std::nullopt, std::nullopt, {}};
    if (!suspect.object) {
        ++context_.counts.missing;
        finding.reason = "expected " + describe(facts->content);
        return report(finding);
    }
    ++context_.counts.damaged;
    finding.verdict = "damaged";
    finding.modified = suspect.object->modified;
    finding.found = damage ? damage->found : Content{suspect.object->size, suspect.object->md5, {}};
    finding.reason = damage ? damage->reason : describe_difference(facts->content, *finding.found);
    report(finding);
}

void SuspectJudge::adopt() {
    auto rows = nlohmann::json::array();
    for (const auto& object : std::exchange(adoptable_, {}))
        rows.push_back(adopted(object, {Content{object.size, object.md5, {}}, {}, {}}));
    if (!rows.empty())
        context_.counts.adopted +=
            db::adopt_recordings(context_.session, context_.options.places.naming(), rows.dump(), context_.deadline);
}

void SuspectJudge::read_what_has_no_md5() {
    auto waiting = std::exchange(without_md5_, {});
    while (!waiting.empty()) {
        std::map<std::string, Content> part;
        std::vector<db::ListedObject> objects;
        for (std::uint64_t bytes = 0; !waiting.empty() && bytes < ObjectReader::most_bytes; waiting.pop_back()) {
            bytes += waiting.back().size;
            part.emplace(waiting.back().path, Content{waiting.back().size, {}, {}});
            objects.push_back(waiting.back());
        }
        if (reader_ == nullptr || context_.reading.passed()) {
            for (const auto& object : objects)
                report_unknown(object, reader_ == nullptr
                                           ? "; the archive reports no MD5: add --read to read and adopt it"
                                           : "; there was no time to read and adopt it");
            continue;
        }
        const auto read = reader_->read(part, context_.reading);
        auto rows = nlohmann::json::array();
        for (const auto& object : objects) {
            const auto& [facts, failure] = read.at(object.path);
            if (facts) {
                rows.push_back(adopted(object, *facts));
                context_.counts.bytes_read += static_cast<std::int64_t>(facts->content.size);
            } else if (failure) {
                ++context_.counts.unjudged;
                context_.fail(*failure);
            }
        }
        if (!rows.empty())
            context_.counts.adopted += db::adopt_recordings(context_.session, context_.options.places.naming(),
                                                            rows.dump(), context_.deadline);
    }
}

void SuspectJudge::report_unknown(const db::ListedObject& object, const std::string& more) {
    ++context_.counts.unknown;
    const Content content{object.size, object.md5, {}};
    report({"unknown", object.path, std::nullopt, content, object.modified, describe(content) + more});
}

void SuspectJudge::report(const Finding& finding) {
    context_.comparison.add_finding(finding.verdict, finding.path, to_json(finding));
}

} // namespace pbx::archive
