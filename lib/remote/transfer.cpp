// rclone carries the bytes; whether the right ones arrived is checked here.
#include "remote/transfer.hpp"

#include "base/hash.hpp"
#include "base/name.hpp"
#include "base/parallel.hpp"
#include "base/private_folder.hpp"
#include "base/progress.hpp"
#include "remote/query.hpp"
#include "remote/rclone_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

namespace pbx {

namespace {

// Absolute, so that no colon in it can make it another remote.
std::string local_path(const Folder& folder) {
    return std::filesystem::absolute(folder.path()).native();
}

Error damaged(const Rclone& rclone, const std::string& action, const Content& expected, const Content& found) {
    return {Exit::data,
            rclone.failure(Exit::data, action, "it is damaged: " + describe_difference(expected, found)).what(),
            "look for the expected hashes in a backup and in old versions of the object; see TROUBLESHOOTING in "
            "pbx-recording-tools(7)"};
}

std::vector<SizedName> sized(const std::vector<std::string>& names,
                             const std::map<std::string, RemoteObject>& objects) {
    std::vector<SizedName> result;
    result.reserve(names.size());
    for (const auto& name : names)
        result.push_back({name, objects.at(name).size});
    return result;
}

// Objects arrive in a hidden folder beside their final place, are checked there, and are then renamed into place.
class ObjectFetch {
  public:
    ObjectFetch(Remote& remote, Shelf shelf, const Folder& folder, const Deadline& deadline,
                const KnownContents& expected)
        : remote_{remote}, shelf_{shelf}, folder_{folder}, deadline_{deadline}, expected_{expected} {}

    FetchedObjects run(const std::vector<std::string>& names) && {
        auto found = find_objects(remote_, shelf_, names, deadline_);
        result_.failures = std::move(found.failures);
        objects_ = std::move(found.objects);
        fetch();
        return std::move(result_);
    }

    FetchedObjects run_known_first(std::vector<std::string> names) && {
        is_first_attempt_ = true;
        for (const auto& name : names)
            if (const auto facts = expected_.find(name); facts != expected_.end() && remote_name_fault(name).empty())
                objects_.insert_or_assign(name, RemoteObject{facts->second.size, facts->second.md5, {}});
        try {
            remote_.marker_text(deadline_); // a remote that does not answer shows that within a second
            fetch();
        } catch (const Error&) {
            // The second attempt reports it for each object.
        }
        is_first_attempt_ = false;
        result_.failures.clear();
        std::erase_if(names, [&](const std::string& name) { return result_.present.contains(name); });
        return std::move(*this).run(names);
    }

  private:
    void fetch() {
        if (objects_.empty())
            return;
        Progress progress{shelf_ == Shelf::legs ? "fetching legs" : "fetching recordings", "files"};
        std::vector<std::string> present;
        std::uint64_t bytes = 0;
        for (const auto& [name, object] : objects_) {
            present.push_back(name);
            bytes += object.size;
        }
        progress.expect(objects_.size(), bytes);
        if (!incoming_)
            incoming_.emplace(folder_, ".incoming");
        for (const auto& batch : remote_.batches(present, deadline_)) {
            const auto run = [&](const std::vector<std::string>& part, const TransferRun& transfer) {
                return fetch_part(part, transfer.transfers, progress);
            };
            const Finished not_begun{0, true, {}, {}};
            for (const auto& name : run_at_pace(remote_.download_pace(), sized(batch, objects_), deadline_, run))
                result_.failures.insert_or_assign(name, remote_.rclone().failure("fetch " + shown(name), not_begun));
        }
    }

    RunResult fetch_part(const std::vector<std::string>& names, unsigned transfers, Progress& progress) {
        std::vector<std::string> command{"copy", "--error-on-no-transfer"};
        // rclone would remove a damaged file before find_damage() can tell what was found.
        if (std::all_of(names.begin(), names.end(), [&](const auto& name) { return expected_.count(name) != 0; }))
            command.emplace_back("--ignore-checksum");
        const auto run = remote_.rclone().run_transfer({std::move(command),
                                                        {remote_.path_of(shelf_), local_path(incoming_->folder())},
                                                        names,
                                                        {incoming_->folder().fd()}},
                                                       {transfers}, deadline_);
        const auto errors = rclone_output::parse_object_errors(run.err);
        constexpr std::size_t few = 4; // so few are synced one by one
        std::vector<std::string> good;
        std::uint64_t arrived = 0;
        const auto as_expected = find_expected(names);
        for (const auto& name : names) {
            try {
                const bool is_as_expected = as_expected.contains(name);
                if (is_first_attempt_ && !is_as_expected) {
                    incoming_->folder().remove(name);
                    continue;
                }
                const auto file = checked(name, run, errors);
                if (const auto damage = is_as_expected ? std::nullopt : find_damage(name, file)) {
                    result_.damaged.insert_or_assign(name, *damage);
                    continue;
                }
                folder_.give_to_owner(file.get());
                if (::fchmod(file.get(), 0640) != 0 || (names.size() <= few && ::fsync(file.get()) != 0))
                    throw system_error(Exit::cant_create, "cannot sync " + folder_.path_of(name), errno);
                good.push_back(name);
                arrived += objects_.at(name).size;
            } catch (const Error& error) {
                result_.failures.insert_or_assign(name, error);
            }
        }
        if (names.size() > few && ::syncfs(folder_.fd()) != 0) {
            const auto error =
                system_error(Exit::cant_create, "cannot sync the file system of " + folder_.path().native(), errno);
            for (const auto& name : good)
                result_.failures.insert_or_assign(name, error);
            good.clear();
        }
        rename_into_place(good);
        progress.add(good.size(), arrived);
        return {good.size(), run.timed_out};
    }

    // Those that arrived with the content that facts have for them; read on several cores.
    std::set<std::string> find_expected(const std::vector<std::string>& names) const {
        std::vector<char> is_expected(names.size()); // threads cannot write side by side into vector<bool>
        parallel_for(names.size(), default_jobs(), [&](std::size_t i) {
            const auto facts = expected_.find(names[i]);
            try {
                const auto file = facts == expected_.end() ? std::nullopt : incoming_->folder().find(names[i]);
                is_expected[i] = file && has_content(file->get(), facts->second, names[i]) ? 1 : 0;
            } catch (const Error&) {
                // checked() reads it again, and reports the error.
            }
        });
        std::set<std::string> found;
        for (std::size_t i = 0; i < names.size(); ++i)
            if (is_expected[i] != 0)
                found.insert(names[i]);
        return found;
    }

    Fd checked(const std::string& name, const Finished& run, const std::map<std::string, std::string>& errors) const {
        const auto& object = objects_.at(name);
        const auto action = "fetch " + shown(name);
        auto file = incoming_->folder().find(name);
        struct stat now {};
        const bool whole =
            file && ::fstat(file->get(), &now) == 0 && static_cast<std::uint64_t>(now.st_size) == object.size;
        if (!whole && (run.status != 0 || run.timed_out)) {
            const auto own = errors.find(name);
            if (own != errors.end() && rclone_output::is_corruption(own->second))
                throw corruption(name, action);
            throw remote_.read_failure(
                action, own == errors.end() ? run : Finished{run.status, run.timed_out, {}, own->second}, deadline_);
        }
        if (!whole)
            throw remote_.rclone().failure(Exit::unavailable, action, "it did not arrive whole");
        const auto facts = expected_.find(name);
        const bool is_hashed_later = facts != expected_.end() && facts->second.md5 == object.md5; // find_damage()
        if (!object.md5.empty() && !is_hashed_later && md5_of_file(file->get(), object.size, name) != object.md5)
            throw remote_.rclone().failure(Exit::data, action, "what arrived has another MD5");
        return *std::move(file);
    }

    // rclone keeps nothing of an object that differs from the server's own hash, so what the server gives is read once
    // more to be compared with the facts. Swift gives nothing more: it puts a damaged object away once it was read.
    Error corruption(const std::string& name, const std::string& action) const {
        const auto& rclone = remote_.rclone();
        const auto facts = expected_.find(name);
        if (facts == expected_.end())
            return rclone.failure(Exit::data, action, "it arrived corrupted");
        try {
            stream_object(
                remote_, shelf_, name, facts->second, [](std::string_view) {}, deadline_);
        } catch (const Error& error) {
            if (error.status() == Exit::data)
                return error;
        }
        return rclone.failure(Exit::data, action, "it arrived corrupted: expected " + describe(facts->second));
    }

    // Nothing when what arrived, which is what the remote reports, is also what was archived.
    std::optional<Error> find_damage(const std::string& name, const Fd& file) const {
        const auto expected = expected_.find(name);
        if (expected == expected_.end())
            return std::nullopt;
        const auto found = content_of_file(file.get(), name);
        if (expected->second.matches(found))
            return std::nullopt;
        return damaged(remote_.rclone(), "fetch " + shown(name), expected->second, found);
    }

    void rename_into_place(const std::vector<std::string>& names) {
        for (const auto& name : names) {
            if (::renameat(incoming_->folder().fd(), name.c_str(), folder_.fd(), name.c_str()) == 0)
                result_.present.insert(name);
            else
                result_.failures.insert_or_assign(
                    name, system_error(Exit::cant_create, "cannot rename " + folder_.path_of(name), errno));
        }
        folder_.sync();
    }

    Remote& remote_;
    Shelf shelf_;
    const Folder& folder_;
    const Deadline& deadline_;
    const KnownContents& expected_;
    bool is_first_attempt_ = false; ///< without a question; what it does not get is asked for
    std::map<std::string, RemoteObject> objects_;
    std::optional<PrivateFolder> incoming_;
    FetchedObjects result_;
};

} // namespace

FetchedObjects fetch_objects(Remote& remote, Shelf shelf, const std::vector<std::string>& names, const Folder& folder,
                             const Deadline& deadline, const KnownContents& expected) {
    return ObjectFetch{remote, shelf, folder, deadline, expected}.run(names);
}

FetchedObjects fetch_known_objects(Remote& remote, Shelf shelf, const std::vector<std::string>& names,
                                   const Folder& folder, const Deadline& deadline, const KnownContents& expected) {
    return ObjectFetch{remote, shelf, folder, deadline, expected}.run_known_first(names);
}

bool stream_object(Remote& remote, Shelf shelf, const std::string& name, const Content& expected, const Sink& sink,
                   const Deadline& deadline) {
    require_remote_name(name, "read");
    const auto& rclone = remote.rclone();
    const auto action = "read " + shown(name);
    Progress progress{"fetching", ""};
    progress.expect(0, expected.size);
    ContentHash hash;
    const auto run = rclone.run_transfer(
        {{"cat"}, {remote.path_of(shelf)}, std::vector{name}}, {}, deadline, [&](std::string_view data) {
            if (data.size() > expected.size - hash.size())
                throw rclone.failure(Exit::data, action, "expected " + describe(expected) + "; found more bytes");
            progress.add(0, data.size());
            hash.add(data);
            sink(data);
        });
    if (run.status != 0 || run.timed_out)
        throw remote.read_failure(action, run, deadline);
    const auto found = hash.finish();
    if (found.size < expected.size) {
        const auto object = find_object(remote, shelf, name, deadline);
        if (!object)
            return false;
        if (object->size == expected.size)
            throw rclone.failure(Exit::unavailable, action,
                                 fmt::format("it ended after {} of {} bytes", found.size, expected.size));
    }
    if (!expected.matches(found))
        throw damaged(rclone, action, expected, found);
    return true;
}

void stream_part(Remote& remote, Shelf shelf, const std::string& name, std::uint64_t offset, std::uint64_t length,
                 const Sink& sink, const Deadline& deadline) {
    require_remote_name(name, "read");
    const auto action = "read a part of " + shown(name);
    std::uint64_t arrived = 0;
    const auto run = remote.rclone().run_transfer(
        {{"cat", "--offset=" + std::to_string(offset), "--count=" + std::to_string(length)},
         {remote.path_of(shelf)},
         std::vector{name}},
        {}, deadline, [&](std::string_view data) {
            if (data.size() > length - arrived)
                throw remote.rclone().failure(Exit::data, action, "there are more bytes than were asked for");
            arrived += data.size();
            sink(data);
        });
    if (run.status != 0 || run.timed_out)
        throw remote.read_failure(action, run, deadline);
    if (arrived < length)
        throw remote.rclone().failure(Exit::unavailable, action,
                                      fmt::format("it ended after {} of {} bytes", arrived, length));
}

std::string read_beginning(Remote& remote, Shelf shelf, const std::string& name, const RemoteObject& object,
                           std::size_t length, const Deadline& deadline) {
    const auto expected = std::min<std::uint64_t>(length, object.size);
    if (expected == 0)
        return {};
    require_remote_name(name, "read");
    const auto action = "read the beginning of " + shown(name);
    auto run = remote.rclone().run(
        {{"cat", "--head=" + std::to_string(expected)}, {remote.path_of(shelf)}, std::vector{name}, {}, expected},
        deadline.at_most(Remote::question_limit));
    if (run.status != 0 || run.timed_out)
        throw remote.rclone().failure(action, run);
    if (run.out.size() != expected)
        throw remote.rclone().failure(Exit::unavailable, action, "it ended too early");
    return std::move(run.out);
}

namespace {

// As far as rclone reports it: errors with a name are those of single objects.
std::size_t count_stored(const std::vector<std::string>& names, const Finished& run) {
    if (run.timed_out)
        return 0;
    if (run.status == 0)
        return names.size();
    const auto errors = rclone_output::parse_object_errors(run.err);
    const auto failed = static_cast<std::size_t>(
        std::count_if(names.begin(), names.end(), [&](const std::string& name) { return errors.contains(name); }));
    return failed == 0 ? 0 : names.size() - failed;
}

// rclone opens the folder by its path: whoever may write beside it could have put a link to another one in its place.
std::optional<Error> find_replacement(const Folder& folder) {
    const auto opened = folder.owner();
    const auto path = local_path(folder);
    struct stat now {};
    if (::stat(path.c_str(), &now) == 0 && now.st_dev == opened.st_dev && now.st_ino == opened.st_ino)
        return std::nullopt;
    return Error{Exit::data, "folder " + path + " was replaced after it was opened",
                 "find out which program did that, and where the folder is now"};
}

// What rclone reported of each object when not all went well.
ObjectFailures upload_errors(const Rclone& rclone, const std::vector<std::string>& names, const Finished& run) {
    if (run.status == 0 && !run.timed_out)
        return {};
    ObjectFailures failures;
    const auto general = rclone.failure("store objects", run);
    const auto errors = rclone_output::parse_object_errors(run.err);
    for (const auto& name : names) {
        const auto own = errors.find(name);
        failures.insert_or_assign(
            name, own == errors.end() ? general
                                      : rclone.failure("store " + shown(name), {1, run.timed_out, {}, own->second}));
    }
    return failures;
}

} // namespace

ObjectFailures upload_files(Remote& remote, const Folder& folder, Shelf shelf, const std::vector<SizedName>& files,
                            const Deadline& deadline) {
    const auto& rclone = remote.rclone();
    ObjectFailures failures;
    const auto is_replaced = [&](const std::vector<std::string>& names) {
        const auto replaced = find_replacement(folder);
        for (const auto& name : names)
            if (replaced)
                failures.insert_or_assign(name, *replaced);
        return replaced.has_value();
    };
    const auto upload = [&](const std::vector<std::string>& names, const TransferRun& transfer) {
        if (is_replaced(names))
            return RunResult{0, false};
        // The caller has decided what to write: rclone does not compare it with what is there.
        const auto run = rclone.run_transfer(
            {{"copy", "--no-check-dest"}, {local_path(folder), remote.path_of(shelf)}, names}, transfer, deadline);
        failures.merge(upload_errors(rclone, names, run));
        return is_replaced(names) ? RunResult{0, run.timed_out} : RunResult{count_stored(names, run), run.timed_out};
    };
    const Finished not_begun{0, true, {}, {}};
    for (const auto& name : run_at_pace(remote.upload_pace(), files, deadline, upload))
        failures.insert_or_assign(name, rclone.failure("store objects", not_begun));
    return failures;
}

std::map<std::string, std::string>
read_back(Remote& remote, Shelf shelf, const std::map<std::string, RemoteObject>& objects, const Deadline& deadline) {
    std::vector<std::string> all;
    all.reserve(objects.size());
    for (const auto& [name, object] : objects)
        all.push_back(name);
    std::map<std::string, std::string> result;
    const auto read = [&](const std::vector<std::string>& names, const TransferRun& transfer) {
        RcloneCommand command{{"hashsum", "MD5", "--download"}, {remote.path_of(shelf)}, names};
        command.least_checkers = transfer.transfers; // it reads as many objects at once as there are checkers
        const auto run = remote.rclone().run_transfer(std::move(command), {transfer.transfers}, deadline);
        auto hashes = rclone_output::parse_hashes(run.out, names);
        const auto read_whole = hashes.size();
        result.merge(hashes);
        return RunResult{read_whole, run.timed_out};
    };
    for (const auto& batch : remote.batches(all, deadline))
        run_at_pace(remote.download_pace(), sized(batch, objects), deadline, read);
    return result;
}

} // namespace pbx
