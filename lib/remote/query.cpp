// rclone ends a whole run with one error for one object, and does not name the object. So a run that failed is repeated
// with each half of the names that it did not answer, until the object stands alone.
#include "remote/query.hpp"

#include "base/lines.hpp"
#include "base/name.hpp"
#include "remote/rclone_output.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace pbx {

namespace {

constexpr const char* not_a_list = "the answer is not a whole list of files";

class ObjectQuery {
  public:
    ObjectQuery(Remote& remote, Shelf shelf, const Deadline& deadline)
        : remote_{remote}, shelf_{shelf}, deadline_{deadline} {}

    FoundObjects run(std::vector<std::string> names) && {
        refuse_bad_names(names);
        if (names.empty())
            return std::move(result_);
        try {
            // A remote that does not answer shows that within a second for one question; for a list of names rclone
            // takes a minute.
            if (names.size() > 1)
                remote_.marker_text(deadline_);
            waiting_ = remote_.batches(names, deadline_);
        } catch (const Error& error) {
            fail(names, error);
            return std::move(result_);
        }
        while (!waiting_.empty()) {
            const auto batch = std::move(waiting_.back());
            waiting_.pop_back();
            ask(batch);
        }
        fail_unclear();
        conclude_absence(names);
        return std::move(result_);
    }

  private:
    void refuse_bad_names(std::vector<std::string>& names) {
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        std::erase_if(names, [&](const std::string& name) {
            try {
                require_remote_name(name, "look up");
                return false;
            } catch (const Error& error) {
                result_.failures.insert_or_assign(name, error);
                return true;
            }
        });
    }

    bool is_open(const std::string& name) const { return !result_.objects.contains(name) && !unclear_.contains(name); }

    void fail(const std::vector<std::string>& names, const Error& error) {
        for (const auto& name : names)
            if (is_open(name))
                result_.failures.insert_or_assign(name, error);
    }

    void ask(const std::vector<std::string>& names) {
        constexpr std::size_t longest_entry = 4096; // with every byte of the name escaped
        const auto run =
            remote_.rclone().run({{"lsjson", "-R", "--hash", "--hash-type=MD5", "--files-only", "--no-mimetype"},
                                  {remote_.path_of(shelf_)},
                                  names,
                                  {},
                                  longest_entry * (names.size() + 1)},
                                 deadline_.at_most(Remote::question_limit + time_for_answers(names.size())));
        auto answer = rclone_output::parse_list(run.out, names);
        result_.objects.merge(answer.objects);
        unclear_.merge(answer.unclear);
        std::vector<std::string> open;
        std::copy_if(names.begin(), names.end(), std::back_inserter(open),
                     [&](const std::string& name) { return is_open(name); });
        const bool ended_well = run.status == 0 && !run.timed_out;
        if (ended_well && answer.is_whole)
            any_absent_ = any_absent_ || !open.empty();
        else
            ask_again(open, run, ended_well);
    }

    void ask_again(const std::vector<std::string>& open, const Finished& run, bool ended_well) {
        const auto action = open.size() == 1 ? "look at " + shown(open.front()) : "look at objects";
        const auto error = ended_well ? remote_.rclone().failure(Exit::unavailable, action, not_a_list)
                                      : remote_.rclone().failure(action, run);
        if (ended_well || run.timed_out)
            give_up(open, error);
        else if (const auto reason = reason_to_give_up(error))
            give_up(open, *reason);
        else if (open.size() <= 1)
            fail(open, error);
        else
            halve(open);
    }

    // A remote that fails for many names fails for a reason of its own.
    std::optional<Error> reason_to_give_up(const Error& error) {
        constexpr int most_failed_runs = 48;
        if (++failed_runs_ > most_failed_runs)
            return error;
        if (failed_runs_ > 1)
            return std::nullopt;
        try {
            remote_.marker_text(deadline_);
            return std::nullopt;
        } catch (const Error& remote_error) {
            return remote_error;
        }
    }

    void give_up(const std::vector<std::string>& open, const Error& error) {
        fail(open, error);
        for (const auto& names : std::exchange(waiting_, {}))
            fail(names, error);
    }

    void halve(const std::vector<std::string>& names) {
        const auto middle = names.begin() + static_cast<std::ptrdiff_t>(names.size() / 2);
        waiting_.emplace_back(names.begin(), middle);
        waiting_.emplace_back(middle, names.end());
    }

    void fail_unclear() {
        for (const auto& name : unclear_)
            result_.failures.insert_or_assign(
                name, remote_.rclone().failure(Exit::unavailable, "look at " + shown(name),
                                               "the answer is not a file with a size, or there are two of this name"));
    }

    void conclude_absence(const std::vector<std::string>& names) {
        if (!any_absent_)
            return;
        try {
            remote_.require_archive(deadline_);
        } catch (const Error& error) {
            for (const auto& name : names)
                if (!result_.objects.contains(name))
                    result_.failures.try_emplace(name, error);
        }
    }

    Remote& remote_;
    Shelf shelf_;
    const Deadline& deadline_;
    FoundObjects result_;
    std::set<std::string> unclear_; ///< neither found nor absent
    std::vector<std::vector<std::string>> waiting_;
    int failed_runs_ = 0;
    bool any_absent_ = false;
};

// Whether a path in a listing is that of a leg or of a stitched recording: a plain name on one of the two shelves.
bool is_on_shelf(std::string_view path) {
    constexpr std::string_view stitched = "stitched/";
    if (path.starts_with(stitched))
        path.remove_prefix(stitched.size());
    return name_fault(path).empty();
}

// Takes a listing as it comes, in pieces that end anywhere.
class Listing {
  public:
    explicit Listing(const std::function<void(const std::string&, const RemoteObject&)>& each) : each_{each} {}

    /// False when a line has become too long.
    bool add(std::string_view data) {
        rest_ += data;
        const auto complete = take_complete_lines(rest_);
        for (const auto line : Lines{complete})
            add_line(line);
        return rest_.size() <= rclone_output::longest_line;
    }
    bool is_whole() const { return form_.is_whole(); }
    bool has_entries() const { return has_entries_; }

  private:
    void add_line(std::string_view line) {
        const auto entry = rclone_output::parse_list_line(line);
        form_.add_line(line, entry.has_value());
        has_entries_ = has_entries_ || entry;
        if (entry && entry->object && is_on_shelf(entry->path))
            each_(entry->path, *entry->object);
    }

    const std::function<void(const std::string&, const RemoteObject&)>& each_;
    std::string rest_;
    rclone_output::ListForm form_;
    bool has_entries_ = false;
};

} // namespace

FoundObjects find_objects(Remote& remote, Shelf shelf, std::vector<std::string> names, const Deadline& deadline) {
    return ObjectQuery{remote, shelf, deadline}.run(std::move(names));
}

std::optional<RemoteObject> find_object(Remote& remote, Shelf shelf, const std::string& name,
                                        const Deadline& deadline) {
    auto found = find_objects(remote, shelf, {name}, deadline);
    throw_first(found.failures);
    const auto object = found.objects.find(name);
    return object == found.objects.end() ? std::nullopt : std::optional{std::move(object->second)};
}

void list_objects(Remote& remote, const std::function<void(const std::string&, const RemoteObject&)>& each,
                  const Deadline& deadline, ListedHashes hashes) {
    Listing listing{each};
    // The server's own time: rclone's own needs a question per object on some remotes.
    RcloneCommand command{{"lsjson", "-R", "--files-only", "--no-mimetype", "--use-server-modtime"},
                          {remote.rclone().path()}};
    if (hashes == ListedHashes::wanted)
        for (const char* flag : {"--hash", "--hash-type=MD5"})
            command.arguments.emplace_back(flag);
    const auto run = remote.rclone().run(std::move(command), deadline, [&](std::string_view data) {
        if (!listing.add(data))
            throw remote.rclone().failure(Exit::unavailable, "list it", "a line of the answer does not end");
    });
    constexpr int not_found = 3;
    if (run.status == 0 && !run.timed_out && !listing.is_whole())
        throw remote.rclone().failure(Exit::unavailable, "list it", not_a_list);
    if (!listing.has_entries() && (run.status == 0 || run.status == not_found) && !run.timed_out)
        return remote.require_archive(deadline);
    if (run.status != 0 || run.timed_out)
        throw remote.rclone().failure("list it", run);
}

} // namespace pbx
