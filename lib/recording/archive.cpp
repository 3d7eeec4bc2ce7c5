// Copy, compare, look again, unlink. rclone only carries the bytes: what may go is decided here, file by file.
#include "recording/archive.hpp"

#include "audio/manifest.hpp"
#include "base/atomic_file.hpp"
#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/hash.hpp"
#include "base/lease.hpp"
#include "base/lock.hpp"
#include "base/name.hpp"
#include "base/open_files.hpp"
#include "base/progress.hpp"
#include "base/words.hpp"
#include "recording/damage.hpp"
#include "recording/mark.hpp"
#include "recording/metrics.hpp"
#include "recording/moved.hpp"
#include "recording/other_nodes.hpp"
#include "remote/query.hpp"
#include "remote/remote.hpp"
#include "remote/transfer.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pbx::recording {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch_size = 256;

// Two machines may give two legs one name: where the name has no node in it, as in older recordings. rclone has no
// "store it only where nothing is", so the later of two uploads replaces the earlier. Both legs are kept by this rule
// for every such leg, which each of the machines follows:
//   - It looks before it uploads, does not upload over a leg of another machine, and has ended its upload at most 30 s
//     after it began to look (uploads_end, and two seconds until rclone is killed).
//   - After it has seen its own MD5 under the name it waits 35 s (settled_after), looks again, and removes the leg from
//     the spool only when its own MD5 is still there.
// Whoever began to look before the first of the two looks that saw ours has ended its upload before the second one
// begins, and whoever looks later sees ours and does not upload. So nothing can replace what the second look has seen;
// and what was replaced before is still in the spool. The same holds for an rclone that removes an object because it
// found another MD5 than it sent. A machine without a node name takes itself for the only one, and its uploads take as
// long as they need: while it runs, the others upload nothing under such a name. It is refused as soon as another is
// known, and it asks for others after its upload: one that is not known then has not looked yet.
// What the rule cannot see is a machine that was suspended in the middle of it, a server that stores what was sent
// seconds after its sender is gone, and programs other than this one. Names with a node in them need none of this.
constexpr auto uploads_end = 28s;
constexpr auto settled_after = 35s;
constexpr std::size_t uploads_at_once = 64; // fewer after a batch that did not end in time

/// A local file that is to be in the archive, and what it was when its MD5 was taken.
struct Item {
    std::string name;
    Fd fd;
    struct stat seen {};
    std::string md5;

    std::uint64_t size() const { return static_cast<std::uint64_t>(seen.st_size); }
};

bool same_time(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool unchanged(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && same_time(a.st_mtim, b.st_mtim) &&
           same_time(a.st_ctim, b.st_ctim);
}

std::uint64_t add_size(std::uint64_t sum, const Item& item) {
    return sum + item.size();
}

void say_doing(const char* doing, const char* what) {
    if (auto* progress = Progress::youngest())
        progress->doing(fmt::format("{} {}", doing, what));
}

bool ends_with(std::string_view name, std::string_view end) {
    return name.size() > end.size() && name.substr(name.size() - end.size()) == end;
}

std::vector<std::string> names_of(const std::vector<Item>& items) {
    std::vector<std::string> names;
    names.reserve(items.size());
    for (const auto& item : items)
        names.push_back(item.name);
    return names;
}

std::string described(std::uint64_t size, const std::string& md5) {
    return fmt::format("{} bytes{}{}", size, md5.empty() ? "" : ", MD5 ", md5);
}

// What happened, for people and for --json.
class Report {
  public:
    Report(bool json, bool dry_run, Metrics& metrics) : json_{json}, metrics_{metrics} {
        document_["dry_run"] = dry_run;
    }

    /// `what` is "legs" or "stitched"; the bytes are those of `key`.
    void count(const char* what, const char* key, std::uint64_t bytes = 0) {
        ++counts_[what][key];
        bytes_[what] += bytes;
    }
    std::uint64_t counted(const char* what, const char* key) { return counts_[what][key]; }

    void fail(const char* what, const std::string& name, const Error& error) {
        ++counts_[what]["failed"];
        metrics_.fail(error.kind());
        status_ = worst(status_, error.kind());
        auto& same = said_[{error.what(), error.hint()}];
        same.names.push_back(name);
        same.kind = error.kind();
        if (json_)
            document_["failures"].push_back(
                {{"kind", what}, {"name", name}, {"exit", static_cast<int>(error.kind())}, {"message", error.what()}});
    }

    void fail(const Error& error) {
        if (error.what() != last_)
            words::error(error);
        metrics_.fail(error.kind());
        last_ = error.what(); // both halves of a run may fail for one reason
        status_ = worst(status_, error.kind());
        if (json_)
            document_["failures"].push_back(
                {{"kind", "run"}, {"exit", static_cast<int>(error.kind())}, {"message", error.what()}});
    }

    /// Says what failed since the last time: what is the same for many files, once.
    void say(const char* what) {
        for (const auto& [text, same] : std::exchange(said_, {})) {
            auto who = shown(same.names.front());
            if (same.names.size() > 1)
                who = fmt::format("{} {} ({}, ...)", same.names.size(), what, who);
            words::error({same.kind, who + ": " + text.first, text.second});
        }
    }

    Exit finish() {
        metrics_.add("legs_moved", counts_["legs"]["moved"]);
        metrics_.add("legs_moved_bytes", bytes_["legs"]);
        metrics_.add("stitched_copied", counts_["stitched"]["copied"]);
        metrics_.add("stitched_copied_bytes", bytes_["stitched"]);
        if (json_) {
            for (const char* what : {"stitched", "legs"}) {
                auto& part = document_[what] = nlohmann::json::object();
                for (const char* key :
                     {"copied", "moved", "would-copy", "would-move", "archived", "kept", "young", "written", "failed"})
                    if (const auto found = counts_[what].find(key); found != counts_[what].end())
                        part[key] = found->second;
                part["bytes"] = bytes_[what];
            }
            document_["exit"] = static_cast<int>(status_);
            if (!document_.contains("failures"))
                document_["failures"] = nlohmann::json::array();
            fmt::print("{}\n", document_.dump(2, ' ', true, nlohmann::json::error_handler_t::replace));
        }
        return status_;
    }

    Exit status() const { return status_; }

  private:
    struct Same {
        std::vector<std::string> names;
        Exit kind = Exit::ok;
    };

    bool json_;
    Metrics& metrics_;
    nlohmann::json document_;
    std::map<std::string, std::map<std::string, std::uint64_t>> counts_;
    std::map<std::string, std::uint64_t> bytes_;
    std::map<std::pair<std::string, std::string>, Same> said_;
    std::string last_;
    Exit status_ = Exit::ok;
};

class Run {
  public:
    Run(const ArchiveOptions& options, Folder spool, Metrics& metrics)
        : options_{options}, nodes_{options.database, options.node, options.places.spool}, deadline_{Deadline::after(
                                                                                               options.timeout)},
          spool_{std::move(spool)}, lock_{take_lock()}, remote_{options.places.remote, options.places.rclone,
                                                                lock_ ? lock_->fd() : -1, RemoteRoot::may_be_new},
          stitched_mark_{options.places.remote + " stitched"}, leg_mark_{options.places.remote + " legs"},
          report_{options.json, options.dry_run, metrics} {}

    Exit work() {
        nodes_.enter(options_.dry_run);
        try {
            copy_stitched();
        } catch (const Error& error) {
            report_.fail(error);
        }
        try {
            move_legs();
        } catch (const Error& error) {
            report_.fail(error);
        }
        return report_.finish();
    }

  private:
    std::optional<RunLock> take_lock() const {
        std::optional<RunLock> lock;
        if (!options_.dry_run)
            lock.emplace(spool_, ".pbx-archive.lock");
        return lock;
    }

    // An upload gets time by its size: even a slow line takes 50 kB in a second.
    Deadline transfer(std::uint64_t bytes) const {
        constexpr std::uint64_t slowest = 50'000;
        return deadline_.at_most(std::chrono::minutes{5} + std::chrono::seconds{bytes / slowest});
    }

    // For those who watch: how much there will be to do. It looks at each file once more.
    template <typename Due>
    static void expect(const Folder& folder, const Due& due, Progress& progress) {
        if (!Progress::wanted())
            return;
        std::uint64_t count = 0;
        std::uint64_t bytes = 0;
        folder.for_each_name([&](const std::string& name) {
            if (const auto found = due(name)) {
                ++count;
                bytes += static_cast<std::uint64_t>(found->st_size);
            }
        });
        progress.expect(count, bytes);
    }

    // Passes the names that `pick` chooses to `work` in batches, as the folder is read. A batch that failed as a whole
    // tells that the remote is away: then the rest waits for the next run.
    template <typename Pick, typename Work>
    void in_batches(const Folder& folder, const char* what, const Pick& pick, Progress& progress, const Work& work) {
        std::vector<Item> items;
        bool go_on = true;
        std::size_t untried = 0;
        const auto run = [&] {
            const auto size = items.size();
            const auto before = report_.counted(what, "failed");
            const auto bytes = std::accumulate(items.begin(), items.end(), std::uint64_t{0}, add_size);
            work(std::move(items));
            progress.add(size, bytes);
            items.clear();
            report_.say(what);
            const bool all_failed = size > 0 && report_.counted(what, "failed") - before == size;
            if ((all_failed && size == batch_size) || deadline_.passed())
                go_on = false;
        };
        folder.for_each_name([&](const std::string& name) {
            try {
                auto item = pick(name);
                if (!item)
                    return;
                if (!go_on) {
                    ++untried;
                    return;
                }
                items.push_back(*std::move(item));
            } catch (const Error& error) {
                report_.fail(what, name, error);
            }
            if (items.size() == batch_size)
                run();
        });
        if (go_on)
            run();
        report_.say(what);
        if (untried > 0)
            report_.fail({Exit::temporary,
                          fmt::format("{} more {} were not tried, {}", untried, what,
                                      deadline_.passed() ? "for want of time (--timeout)" : "since all before failed"),
                          "the next run goes on with them"});
    }

    static Item opened(const Folder& folder, const std::string& name) {
        Item item;
        item.name = name;
        auto fd = folder.find(name);
        if (!fd)
            return item; // gone meanwhile
        item.fd = *std::move(fd);
        if (::fstat(item.fd.get(), &item.seen) != 0)
            throw system_error(Exit::io, "cannot look at " + folder.path_of(name), errno);
        return item;
    }

    // --- Both shelves: what the remote has, compared with what we have

    // Reads back the objects for which the remote has no MD5, and fills it in.
    void complete(Shelf shelf, std::map<std::string, RemoteObject>& objects, ObjectFailures& failures) {
        std::vector<std::string> unknown;
        std::uint64_t bytes = 0;
        for (const auto& [name, object] : objects)
            if (object.md5.empty()) {
                unknown.push_back(name);
                bytes += object.size;
            }
        if (unknown.empty())
            return;
        words::note("reading back {} objects, of which the remote has no MD5", unknown.size());
        const auto read = read_back(remote_, shelf, unknown, transfer(bytes));
        for (const auto& name : unknown) {
            if (const auto found = read.find(name); found != read.end())
                objects[name].md5 = found->second;
            else
                failures.insert_or_assign(
                    name, Error{Exit::unavailable,
                                "remote " + remote_.display_path() + " has no MD5 of it, and it cannot be read back",
                                "the next run tries again"});
        }
    }

    // The remote's answer on `items`, with MD5s. Those it fails on leave `items`.
    std::map<std::string, RemoteObject> ask(Shelf shelf, const char* what, std::vector<Item>& items) {
        auto found = find_objects(remote_, shelf, names_of(items), deadline_);
        complete(shelf, found.objects, found.failures);
        std::erase_if(items, [&](const Item& item) {
            const auto failure = found.failures.find(item.name);
            if (failure == found.failures.end())
                return false;
            report_.fail(what, item.name, failure->second);
            return true;
        });
        return std::move(found.objects);
    }

    // Uploads `items`, and returns those of which the remote itself now says that it has them. With `until`, which ends
    // the upload: those that were not stored by then, and that nobody else stored, go to `late`.
    std::vector<Item> stored(const Folder& folder, Shelf shelf, const char* what, std::vector<Item> items,
                             const std::optional<Deadline>& until = std::nullopt, std::vector<Item>* late = nullptr) {
        if (items.empty())
            return items;
        const auto bytes = std::accumulate(items.begin(), items.end(), std::uint64_t{0}, add_size);
        ObjectFailures failures;
        say_doing("uploading", what);
        if (!until)
            failures = upload_files(remote_, folder, shelf, names_of(items), transfer(bytes));
        else if (!until->passed())
            failures = upload_files(remote_, folder, shelf, names_of(items), *until);
        const bool is_late = until && until->passed();
        say_doing("checking", what);
        const auto objects = ask(shelf, what, items);
        std::erase_if(items, [&](Item& item) {
            const auto there = objects.find(item.name);
            if (there != objects.end() && is_same(item, there->second))
                return false;
            if (is_late && (there == objects.end() || compare(item, there->second) == Standing::ours_cut_short))
                late->push_back(std::move(item));
            else if (const auto why = failures.find(item.name);
                     why != failures.end() && !(is_late && there != objects.end()))
                report_.fail(what, item.name, why->second);
            else if (shelf == Shelf::stitched && is_replaced(folder, item))
                words::note("left {}: it was stitched anew while it was copied", item.name);
            else if (there == objects.end())
                report_.fail(what, item.name,
                             {Exit::unavailable,
                              "remote " + remote_.display_path() + " does not show it after the upload",
                              "the next run looks again"});
            else if (shelf == Shelf::stitched)
                report_.fail(
                    what, item.name,
                    {Exit::data,
                     fmt::format("remote {} stored something else: {}; here {}", remote_.display_path(),
                                 described(there->second.size, there->second.md5), described(item.size(), item.md5)),
                     "the file stays here; the next run compares both"});
            else
                report_.fail(what, item.name, replaced(item, there->second));
            return true;
        });
        return items;
    }

    static bool is_same(const Item& item, const RemoteObject& object) {
        return object.size == item.size() && object.md5 == item.md5;
    }

    Error different(const std::string& what, const Item& item, const RemoteObject& object) const {
        return {Exit::cant_create,
                fmt::format("remote {} {}: {}; here {}", remote_.display_path(), what,
                            described(object.size, object.md5), described(item.size(), item.md5)),
                fmt::format("either may be the only copy of its leg, so keep both: compare them, and the CDR rows that "
                            "have this recordingfile; leg names of two machines differ where each has its own node = "
                            "NAME in pbx.conf; this one stays in {}",
                            spool_.path().native())};
    }

    Error replaced(const Item& item, const RemoteObject& object) const {
        return different("does not have what was uploaded: another writer has stored a different leg under this name",
                         item, object);
    }

    static bool is_replaced(const Folder& folder, const Item& item) {
        const auto named = folder.look(item.name);
        return !named || !unchanged(item.seen, *named);
    }

    bool hashed(const Folder& folder, const char* what, Item& item) {
        try {
            item.md5 = md5_of_file(item.fd.get(), item.size(), folder.path_of(item.name));
            return true;
        } catch (const Error& error) {
            report_.fail(what, item.name, error);
            return false;
        }
    }

    // --- Stitched recordings are copied

    // MD5, and whether the audio is what the manifest says, from one reading. A damaged recording is not copied, since
    // it could replace a good one, and is marked for pbx-stitch.
    bool intact(const Folder& folder, Item& item) {
        try {
            const auto path = folder.path_of(item.name);
            std::optional<audio::Manifest> manifest;
            std::uint64_t data_offset = 0;
            if (const auto header = header_of(item)) {
                manifest = audio::Manifest::from(*header);
                data_offset = header->data_offset;
            }
            const auto hashes = hashes_of_file(item.fd.get(), item.size(), data_offset, path);
            item.md5 = hashes.md5;
            const auto fault = manifest ? damage(*manifest, hashes.sha256) : std::string{};
            if (fault.empty())
                return true;
            if (!options_.dry_run && !mark_damaged(item.fd.get()))
                words::note("{} cannot be marked as damaged: {}", path, std::strerror(errno));
            throw Error{Exit::data, fault,
                        "it is not copied; the next pbx-stitch builds it again if the call is in its window (--since), "
                        "and pbx-recording-fetch does it for any call"};
        } catch (const Error& error) {
            report_.fail("stitched", item.name, error);
            return false;
        }
    }

    // Nothing for what is no WAV file.
    static std::optional<audio::WavHeader> header_of(const Item& item) {
        try {
            return audio::read_wav_header(item.fd.get(), item.name);
        } catch (const Error& error) {
            if (error.kind() != Exit::data)
                throw;
            return std::nullopt;
        }
    }

    void copy_stitched() {
        std::optional<Folder> folder;
        try {
            folder = Folder::open(options_.places.stitched);
        } catch (const Error&) {
            std::error_code ignored;
            if (!std::filesystem::exists(options_.places.stitched, ignored))
                return; // nothing was stitched yet
            throw;
        }
        Progress progress{"looking at stitched", "files"};
        expect(
            *folder, [&](const std::string& name) { return unmarked(*folder, name); }, progress);
        in_batches(
            *folder, "stitched",
            [&](const std::string& name) {
                // Of a recording that nobody builds any more: the call's next builder would remove it.
                if (!options_.dry_run && !AtomicFile::final_name(name).empty())
                    AtomicFile::remove_if_dead(*folder, name);
                return unarchived(*folder, name);
            },
            progress, [&](std::vector<Item> items) { copy_batch(*folder, std::move(items)); });
    }

    std::optional<struct stat> unmarked(const Folder& folder, const std::string& name) const {
        if (name.front() == '.' || !ends_with(name, ".wav"))
            return std::nullopt;
        const auto found = folder.look(name);
        return found && S_ISREG(found->st_mode) && !stitched_mark_.is_on(folder.path_of(name), *found) ? found
                                                                                                       : std::nullopt;
    }

    std::optional<Item> unarchived(const Folder& folder, const std::string& name) const {
        if (!unmarked(folder, name))
            return std::nullopt;
        require_archivable_name(name);
        auto item = opened(folder, name);
        return item.fd ? std::optional{std::move(item)} : std::nullopt;
    }

    static void require_archivable_name(const std::string& name) {
        if (const auto fault = remote_name_fault(name); !fault.empty())
            throw Error{Exit::data, "it cannot be archived under this name: " + std::string{fault},
                        "rename it; until then it stays where it is"};
    }

    void copy_batch(const Folder& folder, std::vector<Item> items) {
        std::erase_if(items, [&](Item& item) { return !intact(folder, item); });
        const auto objects = ask(Shelf::stitched, "stitched", items);
        std::vector<Item> upload;
        for (auto& item : items) {
            const auto there = objects.find(item.name);
            try {
                if (there == objects.end() || !is_settled(item, there->second))
                    upload.push_back(std::move(item));
            } catch (const Error& error) {
                report_.fail("stitched", item.name, error);
            }
        }
        if (options_.dry_run) {
            for (const auto& item : upload) {
                words::warn("would copy {} ({} bytes)", folder.path_of(item.name), item.seen.st_size);
                report_.count("stitched", "would-copy", item.size());
            }
        } else {
            for (const auto& item : stored(folder, Shelf::stitched, "stitched", std::move(upload))) {
                words::note("copied {} ({} bytes)", item.name, item.seen.st_size);
                report_.count("stitched", "copied", item.size());
                mark(item, item.md5);
            }
        }
    }

    void mark(const Item& item, const std::string& md5) {
        if (options_.dry_run || stitched_mark_.put(item.fd.get(), item.seen, md5) || said_no_marks_)
            return;
        said_no_marks_ = true;
        words::note("{} cannot be marked as archived: {}; the next run asks the remote about it again", item.name,
                    std::strerror(errno));
    }

    // Whether the remote's recording stays as it is.
    bool is_settled(const Item& item, const RemoteObject& object) {
        if (is_same(item, object)) {
            report_.count("stitched", "archived");
            mark(item, item.md5);
            return true;
        }
        const auto leg = other_nodes_leg(item, object);
        if (!leg)
            return false;
        // Another node had more of the call. Ours waits until it has that leg too: then it is built anew.
        words::note("kept the remote's {}: it has the leg {}, which ours lacks", item.name, shown(*leg));
        report_.count("stitched", "kept");
        mark(item, object.md5);
        return true;
    }

    // A leg in the remote's recording that ours lacks; nothing when ours may replace it.
    std::optional<std::string> other_nodes_leg(const Item& item, const RemoteObject& object) {
        const auto theirs = remote_manifest(item.name, object);
        if (!theirs)
            return std::nullopt;
        const auto header = header_of(item);
        const auto ours = header ? audio::Manifest::from(*header) : std::nullopt;
        std::unordered_set<std::string_view> held;
        if (ours)
            for (const auto& leg : ours->legs)
                held.insert(leg.name);
        for (const auto& leg : theirs->legs)
            if (!held.contains(leg.name))
                return leg.name;
        return std::nullopt;
    }

    std::optional<audio::Manifest> remote_manifest(const std::string& name, const RemoteObject& object) {
        try {
            for (std::uint64_t beginning = 65536;;) {
                const auto text = read_beginning(remote_, Shelf::stitched, name, object, beginning, deadline_);
                if (const auto header = audio::parse_wav_header(text, &beginning))
                    return audio::Manifest::from(*header);
                if (text.size() >= object.size)
                    return std::nullopt;
                // The data chunk's own 8 bytes follow the manifest.
                beginning += 8;
            }
        } catch (const Error& error) {
            if (error.kind() != Exit::data)
                throw;
            return std::nullopt;
        }
    }

    // --- Legs are moved

    void move_legs() {
        Progress progress{"looking at legs", "files"};
        const auto due = [&](const std::string& name) {
            auto found = leg(name);
            return found && S_ISREG(found->st_mode) && !is_young(*found) ? found : std::nullopt;
        };
        expect(spool_, due, progress);
        in_batches(
            spool_, "legs", [&](const std::string& name) { return ripe(name); }, progress,
            [&](std::vector<Item> items) { move_batch(std::move(items)); });
        release_unsettled();
    }

    std::optional<struct stat> leg(const std::string& name) const {
        if (name.front() == '.' || !(ends_with(name, ".wav") || ends_with(name, ".WAV")))
            return std::nullopt;
        const auto found = spool_.look(name);
        return found && !S_ISDIR(found->st_mode) ? found : std::nullopt;
    }

    std::optional<Item> ripe(const std::string& name) {
        const auto found = leg(name);
        if (!found)
            return std::nullopt;
        if (S_ISREG(found->st_mode) && is_young(*found)) {
            words::note("left {}: younger than {} s", shown(name), options_.min_age.count());
            report_.count("legs", "young");
            return std::nullopt;
        }
        require_archivable_name(name);
        auto item = opened(spool_, name);
        if (!item.fd || is_young(item.seen))
            return std::nullopt;
        if (has_writer(item)) {
            words::note("left {}: a process has it open for writing", name);
            report_.count("legs", "written");
            return std::nullopt;
        }
        return item;
    }

    bool is_young(const struct stat& file) const {
        const auto now = std::time(nullptr);
        // A modification time in the future proves nothing; the time of change cannot be set.
        const auto touched = file.st_mtim.tv_sec > now ? file.st_ctim.tv_sec : file.st_mtim.tv_sec;
        return now - touched < options_.min_age.count();
    }

    bool has_writer(const Item& item) {
        const ReadLease lease{item.fd.get()};
        return has_writer(item, lease);
    }

    bool has_writer(const Item& item, const ReadLease& lease) {
        if (lease.writer() != Writer::unknown)
            return lease.writer() == Writer::some;
        if (!open_files_)
            words::note("no lease can be had on {}: who writes is looked up in /proc, as far as it shows, and by age",
                        item.name);
        open_files_ = OpenFiles::now();
        return open_files_->written(item.seen);
    }

    enum class Standing { absent, same, ours_cut_short, different };

    // Whether what the remote has is the beginning of ours, or what an earlier run stored before the leg changed: then
    // storing all of it takes nothing away.
    Standing compare(const Item& item, const RemoteObject& object) const {
        if (is_same(item, object))
            return Standing::same;
        const auto earlier = leg_mark_.stored(item.fd.get());
        if (earlier && earlier->size == object.size && earlier->md5 == object.md5)
            return Standing::ours_cut_short;
        if (object.size < item.size() &&
            (object.size == 0 || md5_of_file(item.fd.get(), object.size, spool_.path_of(item.name)) == object.md5))
            return Standing::ours_cut_short;
        return Standing::different;
    }

    void move_batch(std::vector<Item> items) {
        std::erase_if(items, [&](Item& item) { return !hashed(spool_, "legs", item); });
        if (options_.dry_run) {
            const auto sorted = looked_at(std::move(items));
            for (const auto& item : sorted.upload)
                would_move(item, "");
            for (const auto& item : sorted.verified)
                would_move(item, ", which the remote has already");
            return;
        }
        std::vector<Item> shared; // other machines may use their names too
        if (nodes_.is_named()) {
            const auto ours = std::stable_partition(items.begin(), items.end(),
                                                    [&](const Item& item) { return nodes_.is_ours(item.name); });
            shared.assign(std::make_move_iterator(ours), std::make_move_iterator(items.end()));
            items.erase(ours, items.end());
        }
        auto sorted = looked_at(std::move(items));
        for (auto& item : stored(spool_, Shelf::legs, "legs", std::move(sorted.upload)))
            sorted.verified.push_back(std::move(item));
        release_settled(std::move(sorted.verified));
        move_shared(std::move(shared));
    }

    struct Sorted {
        std::vector<Item> upload;
        std::vector<Item> verified;
    };

    // What is to be uploaded, and what the remote has already. It has a different object under the name of the others.
    Sorted looked_at(std::vector<Item> items) {
        Sorted sorted;
        const auto objects = ask(Shelf::legs, "legs", items);
        for (auto& item : items) {
            const auto there = objects.find(item.name);
            try {
                switch (there == objects.end() ? Standing::absent : compare(item, there->second)) {
                case Standing::ours_cut_short:
                    words::note("the remote has only an earlier part of {}, and gets all of it", item.name);
                    [[fallthrough]];
                case Standing::absent:
                    sorted.upload.push_back(std::move(item));
                    break;
                case Standing::same:
                    sorted.verified.push_back(std::move(item));
                    break;
                case Standing::different:
                    throw different("has a different object under its name, which was not overwritten", item,
                                    there->second);
                }
            } catch (const Error& error) {
                report_.fail("legs", item.name, error);
            }
        }
        return sorted;
    }

    // Legs under whose names other machines may store theirs: see uploads_end.
    void move_shared(std::vector<Item> items) {
        if (items.empty())
            return;
        if (nodes_.unnamed_is_at_work()) {
            for (const auto& item : items)
                report_.fail(
                    "legs", item.name,
                    {Exit::temporary,
                     "its name has no node in it, and a machine without a node name may be storing a leg under "
                     "it at this moment",
                     "the next run goes on with it; set node = NAME in pbx.conf on every machine"});
            return;
        }
        while (!items.empty() && !deadline_.passed()) {
            const auto rest = items.size() - std::min(items.size(), at_once_);
            std::vector<Item> some{std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(rest)),
                                   std::make_move_iterator(items.end())};
            items.erase(items.begin() + static_cast<std::ptrdiff_t>(rest), items.end());
            const auto tried = some.size();
            const auto until = deadline_.at_most(uploads_end);
            auto sorted = looked_at(std::move(some));
            std::vector<Item> late;
            for (auto& item : stored(spool_, Shelf::legs, "legs", std::move(sorted.upload), until, &late))
                sorted.verified.push_back(std::move(item));
            release_settled(std::move(sorted.verified));
            if (late.empty())
                continue;
            if (tried > 1 || deadline_.passed()) {
                at_once_ = std::max<std::size_t>(1, std::min(at_once_, tried) / 4);
                std::move(late.begin(), late.end(), std::back_inserter(items));
                continue;
            }
            for (const auto& item : late)
                report_.fail("legs", item.name,
                             {Exit::temporary,
                              fmt::format("it cannot be uploaded within {} s, and other machines may store a leg under "
                                          "its name, which has no node in it",
                                          uploads_end.count()),
                              "the leg stays here; it goes with a faster line (see bandwidth in pbx.conf), or renamed "
                              "to end with -NODE.wav, here and in its CDR rows; new legs are named so by "
                              "pbx-dialplan-gen"});
        }
        for (const auto& item : items)
            report_.fail(
                "legs", item.name,
                {Exit::temporary, "it was not tried, for want of time (--timeout)", "the next run goes on with it"});
    }

    // Releases what no other machine can replace any more. The rest waits for a second look at the end of the run.
    void release_settled(std::vector<Item> verified) {
        const auto is_ours = [&](const Item& item) { return nodes_.is_ours(item.name); };
        // Asked after the upload: a machine that registers later has not looked yet.
        if (std::all_of(verified.begin(), verified.end(), is_ours) || !nodes_.may_exist())
            return release(std::move(verified));
        const auto shared = std::stable_partition(verified.begin(), verified.end(), is_ours);
        for (auto item = shared; item != verified.end(); ++item) {
            item->fd.reset(); // there may be more of them than a process can have open
            unsettled_.push_back(std::move(*item));
        }
        verified.erase(shared, verified.end());
        settled_ = Deadline::after(settled_after);
        release(std::move(verified));
        constexpr std::size_t most = 20'000;
        if (unsettled_.size() >= most)
            release_unsettled();
    }

    void release_unsettled() {
        auto items = std::exchange(unsettled_, {});
        if (items.empty())
            return;
        const bool in_time = settled_.left() < deadline_.left();
        if (in_time) {
            words::note("waiting {} s: another machine may be storing legs under the names of {} legs",
                        settled_.left().count() / 1000, items.size());
            say_doing("waiting, since other machines may use the same names for", "legs");
            std::this_thread::sleep_for(settled_.left());
        }
        while (!items.empty()) {
            const auto rest = items.size() - std::min(items.size(), batch_size);
            std::vector<Item> some{std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(rest)),
                                   std::make_move_iterator(items.end())};
            items.erase(items.begin() + static_cast<std::ptrdiff_t>(rest), items.end());
            if (in_time)
                release(seen_again(std::move(some)));
            else
                for (const auto& item : some)
                    report_.fail("legs", item.name,
                                 {Exit::temporary,
                                  "it is in the archive, but another machine may be storing a leg under its name, and "
                                  "there is no time left to wait for that (--timeout)",
                                  "the next run goes on with it"});
        }
        report_.say("legs");
    }

    // Those of `items` that the remote still has, opened again.
    std::vector<Item> seen_again(std::vector<Item> items) {
        const auto objects = ask(Shelf::legs, "legs", items);
        std::erase_if(items, [&](Item& item) {
            try {
                const auto there = objects.find(item.name);
                if (there == objects.end())
                    throw Error{Exit::unavailable, "remote " + remote_.display_path() + " does not show it any more",
                                "the leg stays here, and the next run stores it again"};
                if (!is_same(item, there->second))
                    throw replaced(item, there->second);
                auto fd = spool_.find(item.name);
                if (!fd)
                    return true; // gone meanwhile
                item.fd = *std::move(fd);
                return false;
            } catch (const Error& error) {
                report_.fail("legs", item.name, error);
                return true;
            }
        });
        return items;
    }

    void would_move(const Item& item, const char* more) {
        words::warn("would move {} ({} bytes){}", spool_.path_of(item.name), item.seen.st_size, more);
        report_.count("legs", "would-move", item.size());
    }

    void release(std::vector<Item> items) {
        if (items.empty())
            return;
        const auto names = names_of(items);
        auto next = items.begin();
        try {
            remote_.sync(deadline_);
            try {
                Moved::append(spool_, names, std::time(nullptr));
            } catch (const Error& error) {
                if (error.kind() != Exit::cant_create)
                    throw;
                // A full spool has no room for the journal before a leg is gone, and nothing else makes room there.
                words::note("{}; trying again without {}", error.what(), next->name);
                let_go(*next++);
                Moved::append(spool_, names, std::time(nullptr));
            }
        } catch (const Error& error) {
            for (; next != items.end(); ++next)
                report_.fail("legs", next->name, error);
        }
        for (; next != items.end(); ++next)
            let_go(*next);
        spool_.sync();
    }

    void let_go(Item& item) {
        try {
            unlink_if_unchanged(item);
            item.fd.reset(); // which held the room that it took
        } catch (const Error& error) {
            report_.fail("legs", item.name, error);
        }
    }

    // Under a lease: whoever wants to write the leg now waits until it is gone, and then makes a new one.
    void unlink_if_unchanged(const Item& item) {
        const ReadLease lease{item.fd.get()};
        struct stat now {};
        const auto named = spool_.look(item.name);
        if (!named)
            return;
        if (has_writer(item, lease) || ::fstat(item.fd.get(), &now) != 0 || !unchanged(item.seen, now) ||
            !unchanged(item.seen, *named)) {
            words::note("left {}: it changed while it was archived", item.name);
            report_.count("legs", "written");
            leg_mark_.put(item.fd.get(), item.seen, item.md5);
            return;
        }
        spool_.remove(item.name);
        words::note("moved {} ({} bytes)", item.name, item.seen.st_size);
        report_.count("legs", "moved", item.size());
    }

    const ArchiveOptions& options_;
    OtherNodes nodes_;
    Deadline deadline_;
    Folder spool_;
    std::optional<RunLock> lock_;
    Remote remote_;
    Mark stitched_mark_;
    Mark leg_mark_;
    Report report_;
    std::optional<OpenFiles> open_files_;
    std::size_t at_once_ = uploads_at_once;
    std::vector<Item> unsettled_;            // verified once; without descriptors
    Deadline settled_ = Deadline::after(0s); // when they may be looked at again
    bool said_no_marks_ = false;
};

} // namespace

Exit archive(const ArchiveOptions& options) {
    if (options.places.remote.empty())
        throw Error{Exit::config, "no remote is configured, so there is nowhere to archive to",
                    "set --remote or PBX_REMOTE to an rclone path such as gcs:bucket/recordings; see pbx.conf(5)"};
    const Metrics::Counters counters{
        {"legs_moved", "Legs that left the spool for the archive."},
        {"legs_moved_bytes", "Bytes of legs that left the spool for the archive."},
        {"stitched_copied", "Stitched recordings copied to the archive."},
        {"stitched_copied_bytes", "Bytes of stitched recordings copied to the archive."},
    };
    return with_metrics(options.dry_run ? std::string{} : options.metrics, "archive", counters, [&](Metrics& metrics) {
        Run run{options, Folder::open(options.places.spool), metrics};
        return run.work();
    });
}

} // namespace pbx::recording
