// A run beside this one may archive and replace objects at any time: suspect_judge.hpp sees to that.
#include "archive/verify.hpp"

#include "archive/object_facts.hpp"
#include "archive/source_file.hpp"
#include "archive/suspect_judge.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/progress.hpp"
#include "db/archives.hpp"
#include "db/session.hpp"
#include "remote/query.hpp"
#include "spool/leg_file.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <set>
#include <utility>

namespace pbx::archive {

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// "5%" as 0.05; 0 for an empty text.
double parse_share(const std::string& text) {
    if (text.empty())
        return 0;
    double percent = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, fault] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
    if (fault != std::errc{} || rest + 1 != end || *rest != '%' || !(percent > 0 && percent <= 100))
        throw Error{Exit::usage, "--read \"" + shown(text) + "\" is not a percentage above 0% and up to 100%",
                    "write --read 5% to read a twentieth of the objects"};
    return percent / 100;
}

// What pbx-archive can have stored; the marker and files of others are not judged.
bool is_ours(const std::string& path) {
    const auto [shelf, name] = shelf_and_name(path);
    if (!remote_name_fault(name).empty())
        return false;
    return shelf == Shelf::legs ? spool::is_leg_name(name) : name.ends_with(".wav");
}

class Verification {
  public:
    Verification(VerifyContext& context, ObjectReader* reader)
        : context_{context}, reader_{reader}, judge_{context, reader} {}

    void list(ListedHashes hashes) {
        Progress progress{"listing the archive", "files"};
        context_.comparison.add_listing([&](const auto& add) {
            list_objects(
                context_.remote,
                [&](const std::string& path, const RemoteObject& object) {
                    progress.add(1, 0);
                    if (is_ours(path))
                        add({path, object.size, object.md5, object.modified});
                },
                context_.deadline, hashes);
        });
    }

    void compare() {
        context_.counts.right = context_.comparison.compare();
        for (auto suspects = context_.comparison.next_suspects(); !suspects.empty();
             suspects = context_.comparison.next_suspects()) {
            interrupt::check();
            if (context_.reading.passed())
                return context_.fail({Exit::temporary, "time was up before all differences were looked at",
                                      "give it more time with --timeout"});
            std::vector<OpenCase> cases;
            cases.reserve(suspects.size());
            for (auto& suspect : suspects)
                cases.push_back({std::move(suspect), std::nullopt});
            judge_.judge(std::move(cases));
        }
    }

    void read(double share) {
        const auto drawn = context_.comparison.draw_sample(share);
        context_.counts.drawn = drawn;
        Progress progress{"reading", "objects"};
        progress.expect(static_cast<std::uint64_t>(drawn), 0);
        const auto& deadline = context_.reading;
        for (std::int64_t done = 0; done < drawn;) {
            interrupt::check();
            const auto sample = context_.comparison.next_sample(ObjectReader::most_bytes);
            const auto failed = deadline.passed() ? sample.size() : read_part(sample);
            if (deadline.passed() && failed > 0)
                return context_.fail(
                    {Exit::temporary,
                     fmt::format("time was up after {} of {} objects were read", context_.counts.read, drawn),
                     "the next run continues with the others; --timeout gives it more time"});
            failed_parts_ = failed == sample.size() ? failed_parts_ + 1 : 0;
            if (failed_parts_ > 1)
                return; // the remote fails for a reason of its own, which was shown
            done += static_cast<std::int64_t>(sample.size());
            progress.add(sample.size(), 0);
        }
    }

  private:
    // How many the remote did not answer for.
    std::size_t read_part(const std::vector<db::SampledObject>& sample) {
        std::map<std::string, Content> wanted;
        for (const auto& object : sample)
            wanted.emplace(object.path, object.content);
        const auto results = reader_->read(wanted, context_.reading);
        auto verified = nlohmann::json::array();
        std::vector<OpenCase> cases;
        std::size_t failures = 0;
        for (const auto& object : sample) {
            const auto& [facts, failure] = results.at(object.path);
            if (failure && failure->status() != Exit::data)
                failures += fail(*failure);
            else if (facts && object.content.matches(facts->content))
                verified.push_back(row_of(object.path, *facts));
            else
                cases.push_back(suspected(object, facts, failure));
        }
        if (!verified.empty() && !context_.options.dry_run)
            db::mark_verified(context_.session, verified.dump(), context_.deadline);
        context_.counts.read += static_cast<std::int64_t>(verified.size());
        judge_.judge(std::move(cases));
        return failures;
    }

    nlohmann::json row_of(const std::string& path, const audio::FileFacts& facts) {
        const auto [shelf, name] = shelf_and_name(path);
        context_.counts.bytes_read += static_cast<std::int64_t>(facts.content.size);
        return facts_of(shelf, name, facts);
    }

    // It no longer counts as right, until it has been looked at once more.
    OpenCase suspected(const db::SampledObject& object, const std::optional<audio::FileFacts>& facts,
                       const std::optional<Error>& failure) {
        --context_.counts.right;
        OpenCase open{{object.path, std::nullopt, object.archived_at}, std::nullopt};
        if (facts)
            open.damage = ReadDamage{facts->content, describe_difference(object.content, facts->content)};
        else if (failure)
            open.damage = ReadDamage{std::nullopt, failure->what()};
        return open;
    }

    // At the deadline every object fails.
    std::size_t fail(const Error& error) {
        if (!context_.reading.passed())
            context_.fail(error);
        return 1;
    }

    VerifyContext& context_;
    ObjectReader* reader_;
    SuspectJudge judge_;
    int failed_parts_ = 0;
};

void print_problem(std::int64_t objects, const char* one, const char* several, const char* hint) {
    if (objects > 0)
        log::error({Exit::data, fmt::format("{} {}", objects, objects == 1 ? one : several), hint});
}

void print_problems(const VerifyCounts& counts) {
    print_problem(
        counts.damaged, "object in the archive is damaged", "objects in the archive are damaged",
        "see the lines \"damaged\" in the report; look for the expected hashes in a backup and in old versions "
        "of the object");
    print_problem(counts.missing, "object is missing in the archive", "objects are missing in the archive",
                  "see the lines \"missing\" in the report; look at deleted versions in the bucket");
    print_problem(counts.unknown, "object in the archive has no facts", "objects in the archive have no facts",
                  "see the lines \"unknown\" in the report; pbx-archive verify --adopt takes their facts");
}

void print(db::ArchiveComparison& comparison, const VerifyReport& report) {
    if (report.options.json)
        print_json(comparison, report);
    else if (log::level() != log::Level::quiet)
        print_text(comparison, report);
}

} // namespace

Exit verify_archive(const VerifyOptions& options) {
    if (options.places.remote.empty())
        throw Error{Exit::config, "no remote is configured, so there is no archive to verify",
                    "set --remote or PBX_REMOTE to an rclone path such as gcs:bucket/recordings; see pbx.conf(5)"};
    const auto now = current_second();
    const auto since = options.since;
    const auto share = parse_share(options.read);
    const auto deadline = Deadline::of_run(options.timeout);
    const auto spool = Folder::open(options.places.spool);
    Remote remote{options.places.remote, options.places.rclone, -1, options.places.transfers};
    soci::session session;
    db::connect(session, options.database, options.timeout);
    remote.accept_only(db::accepted_archives(session, remote.display_path(), deadline));
    remote.require_archive(deadline);
    const auto account = db::chosen_account(session, options.tenant);
    if (account)
        db::require_known_account(session, *account);
    if (!options.dry_run)
        db::name_owners(session, options.places.naming(), std::nullopt, deadline);
    const bool lists_md5 = remote.lists_hashes(deadline);

    db::ArchiveComparison comparison{session, since, account, options.places.naming()};
    VerifyCounts counts;
    auto exit = Exit::ok;
    std::optional<ObjectReader> reader;
    if (share > 0)
        reader.emplace(remote, options.places.space);
    const auto reading =
        deadline.at_most(deadline.left() - std::min<std::chrono::milliseconds>(deadline.left() / 10, seconds{30}));
    VerifyContext context{options, deadline, reading, spool, remote, session, comparison, counts, exit};
    Verification verification{context, reader ? &*reader : nullptr};
    verification.list(lists_md5 ? ListedHashes::wanted : ListedHashes::not_wanted);
    verification.compare();
    if (share > 0)
        verification.read(share);
    if (counts.damaged + counts.missing + counts.unknown > 0)
        exit = worst(exit, Exit::data);
    print(comparison, {options, remote.display_path(), since, now, account.value_or(""), lists_md5, counts, exit});
    print_problems(counts);
    return exit;
}

} // namespace pbx::archive
