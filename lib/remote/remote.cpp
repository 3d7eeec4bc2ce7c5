// rclone 1.60 to 1.7x by explicit arguments: which of its answers can be believed was measured form by form.
#include "remote/remote.hpp"

#include "base/hash.hpp"
#include "base/name.hpp"
#include "base/private_folder.hpp"
#include "base/progress.hpp"
#include "base/words.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <utility>


namespace pbx {

namespace {

using namespace std::chrono_literals;

// A question about objects takes seconds. A server that answers 503 to everything is asked again and again by rclone
// for as long as it is let.
constexpr auto question = 60s;

// rclone before 1.63 hangs when a list has over twice as many names as there are checkers, and errors.
constexpr std::size_t names_at_a_time = 256;  // a bucket, or a folder of this machine
constexpr std::size_t names_with_care = 32;   // each checker may be a connection: sftp, webdav
constexpr std::size_t names_to_any_kind = 16; // not worth asking what kind it is

// RCLONE_DRY_RUN, RCLONE_IMMUTABLE and the like would change what our arguments mean. rclone gets the variables that name
// its configuration, that decrypt it, and that define remotes (RCLONE_CONFIG_NAME_OPTION), but not the database's password.
bool is_for_rclone(std::string_view variable) {
    if (variable == "RCLONE_CONFIG" || variable == "RCLONE_PASSWORD_COMMAND" || variable.starts_with("RCLONE_CONFIG_"))
        return true;
    return !variable.starts_with("RCLONE_") && !variable.starts_with("PG") && !variable.starts_with("PBX_");
}

// "2026/11/22 20:38:00 ERROR : x" without its date.
std::string_view undated(std::string_view line) {
    constexpr std::string_view form = "0000/00/00 00:00:00 ";
    if (line.size() < form.size())
        return line;
    for (std::size_t i = 0; i < form.size(); ++i)
        if (form[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != form[i])
            return line;
    return line.substr(form.size());
}

template <typename Each>
void for_each_line(std::string_view text, const Each& each) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        if (end > 0)
            each(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::string shortened(std::string_view text) {
    constexpr std::size_t most = 240;
    return text.size() <= most ? std::string{text} : std::string{text.substr(0, most)} + "...";
}

// The end of the last line is what rclone gave up for; what stands before says through which of its functions it came.
std::string last_words(std::string_view err) {
    std::string_view last;
    for_each_line(err, [&](std::string_view line) {
        // Wrapped usage texts and notices are no reasons.
        if (const auto text = undated(line); text.find("NOTICE:") == std::string_view::npos)
            last = text;
    });
    for (const std::string_view prefix :
         {"Failed to ", "lsjson: ", "lsf: ", "copy: ", "cat: ", "hashsum: ", "error in ListJSON: "})
        if (last.substr(0, prefix.size()) == prefix)
            last.remove_prefix(prefix.size());
    return shortened(last);
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// Google says 403 also for "slow down".
bool is_forbidden(std::string_view text) {
    return has_any(text, {"Error 401", "Error 403", "401 Unauthorized", "403 Forbidden", "AccessDenied", "Forbidden",
                          "permission denied", "Permission denied"}) &&
           !has_any(text, {"ateLimitExceeded", "uotaExceeded", "rate limit", "quota"});
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    if (what.empty() || what == with)
        return text;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

// "2026-04-18T14:40:04.123456789Z" or with "+02:00".
std::int64_t unix_time(const std::string& text) {
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr)
        return 0;
    std::int64_t when = ::timegm(&parts);
    while (*rest == '.' || (*rest >= '0' && *rest <= '9'))
        ++rest;
    std::tm zone{};
    if ((*rest == '+' || *rest == '-') && ::strptime(rest + 1, "%H:%M", &zone) != nullptr)
        when -= (*rest == '+' ? 1 : -1) * (zone.tm_hour * 3600LL + zone.tm_min * 60LL);
    return when;
}

struct Entry {
    std::string path;
    std::optional<RemoteObject> object; ///< nothing when what rclone says of it makes no sense
};

bool is_md5(const std::string& text) {
    constexpr std::size_t digits = 32;
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Every line of an answer is short; a long one is not parsed, since JSON can take fifty times its room.
constexpr std::size_t longest_line = 16384;

// One line of lsjson: an object, with '[' and ',' around it on lines or at its end. Nothing for lines that are none.
std::optional<Entry> read_entry(std::string_view line) {
    if (!line.empty() && line.back() == ',')
        line.remove_suffix(1);
    if (line.size() > longest_line)
        return std::nullopt;
    const auto entry = nlohmann::json::parse(line.begin(), line.end(), nullptr, false);
    if (!entry.is_object())
        return std::nullopt;
    const auto text = [](const nlohmann::json& object, const char* key) {
        const auto found = object.find(key);
        return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
    };
    Entry result{text(entry, "Path"), std::nullopt};
    if (result.path.empty())
        return std::nullopt;
    // No storage has larger objects. -1 is rclone's word for a size that it does not know.
    constexpr std::int64_t largest = 1LL << 44U;
    const auto size = entry.find("Size");
    const auto folder = entry.find("IsDir");
    if (size == entry.end() || !size->is_number_integer() || (folder != entry.end() && *folder != false))
        return result;
    const auto bytes = size->get<std::int64_t>();
    if (bytes < 0 || bytes > largest)
        return result;
    RemoteObject object;
    object.size = static_cast<std::uint64_t>(bytes);
    object.modified = unix_time(text(entry, "ModTime"));
    if (const auto hashes = entry.find("Hashes"); hashes != entry.end() && hashes->is_object())
        if (auto md5 = text(*hashes, "md5"); is_md5(md5))
            object.md5 = std::move(md5);
    result.object = std::move(object);
    return result;
}

// What lsjson writes has "[" and "]" on lines of their own, and one object on each line between. Without them, or with
// anything else, it is no list, and nothing can be called absent because it is not in it.
class ListForm {
  public:
    void add(std::string_view line, bool is_entry) {
        begun_ = begun_ || line == "[" || line == "[]";
        ended_ = line == "]" || line == "[]";
        sound_ = sound_ && begun_ && (is_entry || line == "[" || ended_);
    }
    bool is_whole() const { return sound_ && ended_; }

  private:
    bool begun_ = false;
    bool ended_ = false;
    bool sound_ = true;
};

constexpr const char* no_list = "the answer is not a whole list of files";

// The answers on names that were asked for; any other name in them is nobody's. An answer that an error cut short has
// no end, and what it says before that is true. A name with two different answers, or one that makes no sense, is in
// `unclear`: it is neither found nor absent. Returns whether the answer is a whole list.
bool read_entries(std::string_view out, const std::vector<std::string>& asked,
                  std::map<std::string, RemoteObject>& found, std::set<std::string>& unclear) {
    const std::set<std::string_view> names{asked.begin(), asked.end()};
    ListForm form;
    for_each_line(out, [&](std::string_view line) {
        auto entry = read_entry(line);
        form.add(line, entry.has_value());
        if (!entry || !names.contains(entry->path))
            return;
        const auto before = found.find(entry->path);
        if (!entry->object || (before != found.end() && (before->second.size != entry->object->size ||
                                                         before->second.md5 != entry->object->md5)))
            unclear.insert(entry->path);
        else
            found.insert_or_assign(std::move(entry->path), *std::move(entry->object));
    });
    for (const auto& name : unclear)
        found.erase(name);
    return form.is_whole();
}

template <typename Key, typename Value>
std::vector<Key> keys(const std::map<Key, Value>& map) {
    std::vector<Key> result;
    result.reserve(map.size());
    for (const auto& [key, value] : map)
        result.push_back(key);
    return result;
}

std::vector<std::vector<std::string>> batches(const std::vector<std::string>& names, std::size_t size) {
    std::vector<std::vector<std::string>> result;
    for (std::size_t i = 0; i < names.size(); i += size)
        result.emplace_back(names.begin() + static_cast<std::ptrdiff_t>(i),
                            names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), i + size)));
    return result;
}

// rclone goes on asking a server that says 503 to an upload, whatever its time-outs: it is ended when its count of
// bytes stood still for so long.
constexpr auto stall = 60s;

struct Stalled {};

// What rclone says with --use-json-log --stats: the numbers go to the terminal, the rest is kept as its plain log has
// it.
class TransferLog {
  public:
    void add(std::string_view err) {
        rest_ += err;
        const auto end = rest_.rfind('\n');
        if (end != std::string::npos) {
            for_each_line(std::string_view{rest_}.substr(0, end), [&](std::string_view line) { look(line); });
            rest_.erase(0, end + 1);
        }
        if (rest_.size() > longest_line)
            look(std::exchange(rest_, {}));
        if (since_.passed())
            throw Stalled{};
    }

    std::string words() && { return std::move(words_) + rest_; }

  private:
    void look(std::string_view line) {
        const auto entry = line.size() > longest_line ? nlohmann::json{} : nlohmann::json::parse(line, nullptr, false);
        if (!entry.is_object())
            return keep_tail(words_, std::string{line} + "\n");
        try {
            if (const auto stats = entry.find("stats"); stats != entry.end())
                return count(*stats);
            const auto level = entry.value("level", std::string{});
            const auto object = entry.value("object", std::string{});
            keep_tail(words_, fmt::format("{}{}{}\n", level == "warning" || level == "notice" ? "NOTICE: " : "ERROR : ",
                                          object.empty() ? "" : object + ": ", entry.value("msg", std::string{})));
        } catch (const nlohmann::json::exception&) {
            keep_tail(words_, std::string{line} + "\n");
        }
    }

    void count(const nlohmann::json& stats) {
        const auto bytes = stats.at("bytes").get<std::uint64_t>();
        if (bytes != bytes_) {
            bytes_ = bytes;
            since_ = Deadline::after(stall);
        }
        if (auto* progress = Progress::youngest())
            progress->under_way(stats.at("transfers").get<std::uint64_t>(), bytes, stats.at("speed").get<double>());
    }

    std::string rest_;
    std::string words_;
    std::uint64_t bytes_ = 0;
    Deadline since_ = Deadline::after(stall);
};

} // namespace

struct Remote::Kind {
    bool bucket = false;
    bool local = false;
    std::string folder; ///< where it is, on this machine
};

struct Remote::State {
    std::recursive_mutex mutex;
    std::optional<Kind> kind;
    bool seen = false;
};

// Names for --files-from-raw, in memory: rclone reads them through the descriptor that it inherits.
class Remote::List {
  public:
    explicit List(const std::vector<std::string>& names) : fd_{::memfd_create("names", MFD_CLOEXEC)} {
        if (!fd_)
            throw system_error(Exit::temporary, "cannot make a list of names", errno);
        std::string text;
        for (const auto& name : names)
            text += name + "\n";
        write_all(fd_.get(), text, "a list of names");
    }
    int fd() const { return fd_.get(); }
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

  private:
    Fd fd_;
};

namespace {

// Whether a path in a listing is that of a leg or of a stitched recording: a plain name on one of the two shelves.
bool is_ours(std::string_view path) {
    constexpr std::string_view shelf = "stitched/";
    if (path.substr(0, shelf.size()) == shelf)
        path.remove_prefix(shelf.size());
    return name_fault(path).empty();
}

} // namespace

std::string_view remote_name_fault(std::string_view name) {
    if (const auto fault = name_fault(name); !fault.empty())
        return fault;
    if (!is_utf8(name))
        return "it is not UTF-8";
    // The characters with which rclone stands in for others: control pictures U+2400 to U+243F, full-width forms
    // U+FF00 to U+FF7F, and its quote U+201B.
    for (const std::string_view stand_in : {"\xe2\x90", "\xef\xbc", "\xef\xbd", "\xe2\x80\x9b"})
        if (name.find(stand_in) != std::string_view::npos)
            return "it has a character that rclone rewrites";
    return {};
}

Remote::Remote(const std::string& path, std::string rclone, int lock, RemoteRoot root)
    : connection_{parse_connection(path)}, rclone_{std::move(rclone)}, lock_{lock}, root_{root},
      state_{std::make_shared<State>()} {
    for (auto* text : {&connection_.path, &connection_.shown})
        while (text->size() > 1 && text->back() == '/')
            text->pop_back();
    if (path.empty() || path.front() == '-' || path.find_first_of(std::string_view{"\n\0", 2}) != std::string::npos)
        throw Error{Exit::config, "\"" + connection_.shown + "\" is no rclone path",
                    "set --remote or PBX_REMOTE to something like gcs:bucket/recordings"};
}

std::string Remote::below(std::string_view folder) const {
    const auto& path = connection_.path;
    return path + (path.back() == ':' || path.back() == '/' ? "" : "/") + std::string{folder};
}

std::string Remote::shelf_path(Shelf shelf) const {
    return shelf == Shelf::legs ? connection_.path : below("stitched");
}

std::vector<std::string> Remote::common(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), rclone_);
    // One attempt: a second one that finds nothing left to do would end in 0. What was missed is seen by looking.
    for (const char* flag : {"--retries=1", "--low-level-retries=3", "--contimeout=5s", "--timeout=30s",
                             "--ask-password=false", "--no-traverse"})
        arguments.emplace_back(flag);
    return arguments;
}

Finished Remote::run(const std::vector<std::string>& arguments, const Deadline& deadline,
                     const std::vector<int>& inherited, const Sink& sink, const Sink& err,
                     std::size_t most_output) const {
    const Waiting waiting{"the remote", Exit::unavailable};
    Command command{common(arguments), child_environment(is_for_rclone, connection_.environment), inherited};
    command.most_output = most_output;
    if (lock_ >= 0)
        command.inherited.push_back(lock_);
    return run_command(command, deadline, sink, err);
}

Finished Remote::transfer(std::vector<std::string> arguments, const std::vector<std::string>& names,
                          const std::vector<std::string>& paths, const Deadline& deadline,
                          std::vector<int> inherited) const {
    const List list{names};
    for (const char* flag : {"--buffer-size=1M", "--transfers=8", "--use-json-log", "--stats-one-line",
                             "--stats-log-level=NOTICE", Progress::wanted() ? "--stats=500ms" : "--stats=5s"})
        arguments.emplace_back(flag);
    arguments.push_back("--files-from-raw=" + list.path());
    arguments.push_back("--checkers=" + std::to_string(std::max<std::size_t>(8, names.size() / 2 + 1)));
    arguments.insert(arguments.end(), paths.begin(), paths.end());
    inherited.push_back(list.fd());
    TransferLog log;
    try {
        auto finished = run(arguments, deadline, inherited, {}, [&](std::string_view err) { log.add(err); });
        finished.err = std::move(log).words();
        return finished;
    } catch (const Stalled&) {
        Finished ended;
        ended.timed_out = true;
        return ended;
    }
}

Finished Remote::run_list(std::vector<std::string> arguments, const std::vector<std::string>& names,
                          const std::vector<std::string>& paths, const Deadline& deadline, const Sink& sink,
                          std::size_t most_output) const {
    const List list{names};
    arguments.push_back("--files-from-raw=" + list.path());
    arguments.push_back("--checkers=" + std::to_string(std::max<std::size_t>(8, names.size() / 2 + 1)));
    arguments.insert(arguments.end(), paths.begin(), paths.end());
    return run(arguments, deadline, {list.fd()}, sink, {}, most_output);
}

Error Remote::fault(Exit kind, const std::string& doing, const std::string& why) const {
    const char* hint = "the next run tries again; if it stays so, try rclone itself with the same path";
    if (kind == Exit::no_permission)
        hint = "the remote's account needs the right to list, read and write objects there";
    else if (kind == Exit::cant_create)
        hint = "make room there, and run it again";
    else if (has_any(why, {"didn't find section in config file"}))
        hint = "name a remote that rclone knows (rclone listremotes, as the same user), or say where its configuration "
               "is with RCLONE_CONFIG";
    else if (has_any(why, {"RCLONE_CONFIG_PASS"}))
        hint =
            "rclone's configuration is encrypted: give its password in RCLONE_CONFIG_PASS or RCLONE_PASSWORD_COMMAND";
    return {kind, "remote " + connection_.shown + ": cannot " + doing + ": " + why, hint};
}

Error Remote::fault(const std::string& doing, const Finished& finished) const {
    if (finished.timed_out)
        return fault(Exit::unavailable, doing, "no answer in time");
    const auto words = replaced(finished.err, connection_.path, connection_.shown);
    auto why = last_words(without_hidden(words, connection_));
    if (is_forbidden(why))
        return fault(Exit::no_permission, doing, why);
    if (has_any(why, {"corrupted on transfer"}))
        return fault(Exit::data, doing, why);
    if (has_any(why, {"no space left on device", "disk quota exceeded"}))
        return fault(Exit::cant_create, doing, why);
    if (why.empty())
        why = "rclone ended with status " + std::to_string(finished.status);
    return fault(Exit::unavailable, doing, why);
}

const Remote::Kind& Remote::kind(const Deadline& deadline) const {
    const std::lock_guard guard{state_->mutex};
    if (state_->kind)
        return *state_->kind;
    constexpr std::size_t a_few_kilobytes = 65536;
    const auto answer =
        run({"backend", "features", connection_.path}, deadline.at_most(question), {}, {}, {}, a_few_kilobytes);
    const auto said = nlohmann::json::parse(answer.out, nullptr, false);
    if (answer.status != 0 || !said.is_object() || !said.contains("Features") || !said["Features"].is_object())
        throw fault("learn what kind of storage it is", answer);
    const auto has = [&](const char* feature) {
        const auto found = said["Features"].find(feature);
        return found != said["Features"].end() && *found == true;
    };
    Kind result;
    result.bucket = has("BucketBased");
    result.local = has("IsLocal");
    if (const auto root = said.find("Root"); root != said.end() && root->is_string())
        result.folder = root->get<std::string>();
    return state_->kind.emplace(std::move(result));
}

std::size_t Remote::batch(std::size_t names, const Deadline& deadline) const {
    if (names <= names_to_any_kind)
        return names_to_any_kind;
    const auto& what = kind(deadline);
    return what.bucket || what.local ? names_at_a_time : names_with_care;
}

// Objects in a bucket that is not there look absent, and so do files in a folder that is not mounted.
void Remote::require_root(const Deadline& deadline) const {
    const std::lock_guard guard{state_->mutex};
    if (state_->seen)
        return;
    constexpr int not_found = 3;
    auto answer = run({"lsf", below(".probe/")}, deadline.at_most(question), {});
    // An empty place in a bucket that is there lists as nothing; elsewhere a folder that is not there is not found.
    if (answer.status == not_found && !answer.timed_out && !kind(deadline).bucket) {
        std::error_code ignored;
        if (root_ == RemoteRoot::may_be_new ||
            (kind(deadline).local && std::filesystem::is_directory(kind(deadline).folder, ignored)))
            answer.status = 0;
        else if (!kind(deadline).local)
            answer = run({"lsjson", "--stat", "--no-modtime", connection_.path}, deadline.at_most(question), {});
    }
    if (answer.status == not_found && !answer.timed_out)
        throw Error{Exit::unavailable, "remote " + connection_.shown + ": its bucket or folder does not exist",
                    "make it, or mount it, or correct --remote; nothing is concluded from its absence"};
    if (answer.status != 0 || answer.timed_out)
        throw fault("see its bucket or folder", answer);
    state_->seen = true;
}

std::map<std::string, RemoteObject> Remote::look(Shelf shelf, const std::vector<std::string>& names,
                                                 const Deadline& deadline, Failures* failures) const {
    std::map<std::string, RemoteObject> found;
    std::set<std::string> unclear;
    const auto fail = [&](const std::string& name, const Error& error) {
        if (failures == nullptr)
            throw Error{error};
        failures->insert_or_assign(name, error);
    };
    std::vector<std::string> askable;
    for (const auto& name : names) {
        if (const auto fault = remote_name_fault(name); fault.empty())
            askable.push_back(name);
        else
            fail(name,
                 {Exit::data, "\"" + pbx::shown(name) + "\" cannot be asked of the remote: " + std::string{fault}});
    }
    if (askable.empty())
        return found;

    const auto fail_all = [&](const std::vector<std::string>& which, const Error& error) {
        for (const auto& name : which)
            if (!found.contains(name) && !unclear.contains(name))
                fail(name, error);
    };
    // One object's error ends rclone's whole run without naming it: halve until it stands alone. Not for ever, since a
    // remote that fails for many fails for a reason of its own.
    constexpr int most_failed_runs = 48;
    int failed_runs = 0;
    bool any_absent = false;
    std::vector<std::vector<std::string>> waiting;
    try {
        // Of a remote that is away, one question is answered within a second; a list of names takes rclone a minute.
        if (askable.size() > 1)
            require_root(deadline);
        waiting = batches(askable, batch(askable.size(), deadline));
    } catch (const Error& error) {
        fail_all(askable, error);
        return found;
    }
    while (!waiting.empty()) {
        const auto asked = std::move(waiting.back());
        waiting.pop_back();
        constexpr std::size_t of_one_name = 4096; // with every byte of it escaped
        const auto answer =
            run_list({"lsjson", "-R", "--hash", "--hash-type=MD5", "--files-only", "--no-mimetype"}, asked,
                     {shelf_path(shelf)}, deadline.at_most(question), {}, of_one_name * (asked.size() + 1));
        const bool whole = read_entries(answer.out, asked, found, unclear);
        std::vector<std::string> open;
        std::copy_if(asked.begin(), asked.end(), std::back_inserter(open),
                     [&](const std::string& name) { return !found.contains(name) && !unclear.contains(name); });
        const bool ended_well = answer.status == 0 && !answer.timed_out;
        if (ended_well && whole) {
            any_absent = any_absent || !open.empty();
            continue;
        }
        const auto what = open.size() == 1 ? "look at " + pbx::shown(open.front()) : "look at objects";
        const auto error = ended_well ? fault(Exit::unavailable, what, no_list) : fault(what, answer);
        std::optional<Error> all;
        if (ended_well || answer.timed_out || ++failed_runs > most_failed_runs)
            all = error;
        if (failed_runs == 1 && !all) {
            try {
                require_root(deadline);
            } catch (const Error& why) {
                all = why;
            }
        }
        if (all) {
            fail_all(open, *all);
            for (const auto& rest : waiting)
                fail_all(rest, *all);
            break;
        }
        if (open.size() <= 1) {
            fail_all(open, error);
            continue;
        }
        const auto middle = open.begin() + static_cast<std::ptrdiff_t>(open.size() / 2);
        waiting.emplace_back(open.begin(), middle);
        waiting.emplace_back(middle, open.end());
    }
    for (const auto& name : unclear)
        fail(name, fault(Exit::unavailable, "look at " + pbx::shown(name),
                         "the answer is no file with a size, or there are two of this name"));
    if (any_absent) {
        try {
            require_root(deadline);
        } catch (const Error& error) {
            for (const auto& name : askable)
                if (!found.contains(name) && (failures == nullptr || !failures->contains(name)))
                    fail(name, error);
        }
    }
    return found;
}

std::set<std::string> Remote::fetch(Shelf shelf, const std::vector<std::string>& names, const Folder& folder,
                                    const Deadline& deadline, Failures* failures) const {
    std::set<std::string> there;
    const auto fail = [&](const std::string& name, const Error& error) {
        if (failures == nullptr)
            throw Error{error};
        failures->insert_or_assign(name, error);
    };
    const auto objects = look(shelf, names, deadline, failures);
    if (objects.empty())
        return there;
    Progress progress{"fetching legs", "files"};
    std::uint64_t bytes = 0;
    for (const auto& [name, object] : objects)
        bytes += object.size;
    progress.expect(objects.size(), bytes);
    const PrivateFolder incoming{folder, ".incoming"};
    const auto target = std::filesystem::absolute(incoming.folder().path()).native();
    for (const auto& wanted : batches(keys(objects), batch(objects.size(), deadline))) {
        const auto answer = transfer({"copy", "--error-on-no-transfer"}, wanted, {shelf_path(shelf), target}, deadline,
                                     {incoming.folder().fd()});
        std::vector<std::string> good;
        std::uint64_t arrived = 0;
        std::optional<Error> unsynced;
        for (const auto& name : wanted) {
            const auto& object = objects.at(name);
            try {
                const auto file = incoming.folder().find(name);
                struct stat now {};
                const bool whole =
                    file && ::fstat(file->get(), &now) == 0 && static_cast<std::uint64_t>(now.st_size) == object.size;
                if (!whole && (answer.status != 0 || answer.timed_out)) {
                    if (has_any(answer.err, {name + ": corrupted on transfer"}))
                        throw fault(Exit::data, "fetch " + pbx::shown(name), "it arrived corrupted");
                    throw fault("fetch " + pbx::shown(name), answer);
                }
                if (!whole)
                    throw fault(Exit::unavailable, "fetch " + pbx::shown(name), "it did not arrive whole");
                if (!object.md5.empty() && md5_of_file(file->get(), object.size, name) != object.md5)
                    throw fault(Exit::data, "fetch " + pbx::shown(name), "what arrived has another MD5");
                folder.give_to_owner(file->get());
                if (::fchmod(file->get(), 0640) != 0 || (wanted.size() <= 4 && ::fsync(file->get()) != 0))
                    throw system_error(Exit::cant_create, "cannot sync " + folder.path_of(name), errno);
                good.push_back(name);
                arrived += object.size;
            } catch (const Error& error) {
                fail(name, error);
            }
        }
        if (wanted.size() > 4 && ::syncfs(folder.fd()) != 0)
            unsynced =
                system_error(Exit::cant_create, "cannot sync the file system of " + folder.path().native(), errno);
        for (const auto& name : good) {
            if (!unsynced && ::renameat(incoming.folder().fd(), name.c_str(), folder.fd(), name.c_str()) != 0)
                fail(name, system_error(Exit::cant_create, "cannot rename " + folder.path_of(name), errno));
            else if (unsynced)
                fail(name, *unsynced);
            else
                there.insert(name);
        }
        folder.sync();
        progress.add(good.size(), arrived);
    }
    return there;
}

void Remote::stream(Shelf shelf, const std::string& name, const RemoteObject& object, const Sink& sink,
                    const Deadline& deadline) const {
    const auto doing = "read " + pbx::shown(name);
    if (const auto bad = remote_name_fault(name); !bad.empty())
        throw Error{Exit::data, "\"" + pbx::shown(name) + "\" cannot be asked of the remote: " + std::string{bad}};
    Progress progress{"fetching", ""};
    progress.expect(0, object.size);
    Hash hash{Hash::Algorithm::md5};
    std::uint64_t passed = 0;
    const auto answer =
        run_list({"cat", "--buffer-size=1M"}, {name}, {shelf_path(shelf)}, deadline, [&](std::string_view data) {
            if (data.size() > object.size - passed)
                throw fault(Exit::data, doing, "it is longer than the remote said");
            passed += data.size();
            progress.add(0, data.size());
            hash.add(data);
            sink(data);
        });
    if (answer.status != 0 || answer.timed_out)
        throw fault(doing, answer);
    if (passed != object.size)
        throw fault(Exit::unavailable, doing,
                    "it ended after " + std::to_string(passed) + " of " + std::to_string(object.size) + " bytes");
    if (!object.md5.empty() && hash.hex() != object.md5)
        throw fault(Exit::data, doing, "what came has another MD5 than the remote says");
}

std::string Remote::head(Shelf shelf, const std::string& name, const RemoteObject& object, std::size_t length,
                         const Deadline& deadline) const {
    const auto doing = "read the beginning of " + pbx::shown(name);
    const auto want = std::min<std::uint64_t>(length, object.size);
    if (want == 0)
        return {};
    if (const auto bad = remote_name_fault(name); !bad.empty())
        throw Error{Exit::data, "\"" + pbx::shown(name) + "\" cannot be asked of the remote: " + std::string{bad}};
    auto answer = run_list({"cat", "--head=" + std::to_string(want)}, {name}, {shelf_path(shelf)},
                           deadline.at_most(question), {}, want);
    if (answer.status != 0 || answer.timed_out)
        throw fault(doing, answer);
    if (answer.out.size() != want)
        throw fault(Exit::unavailable, doing, "it ended too early");
    return std::move(answer.out);
}

void Remote::upload(const Folder& folder, Shelf shelf, const std::vector<std::string>& names, const Deadline& deadline,
                    Failures& failures) const {
    // Absolute, so that no colon in it can make it another remote.
    const auto source = std::filesystem::absolute(folder.path()).native();
    // What is to be written was decided by whoever calls: no comparing with what is there.
    const auto answer = transfer({"copy", "--no-check-dest"}, names, {source, shelf_path(shelf)}, deadline, {});
    if (answer.status == 0 && !answer.timed_out)
        return;
    const auto general = fault("store objects", answer);
    std::map<std::string, std::string> said;
    for_each_line(answer.err, [&](std::string_view line) {
        constexpr std::string_view mark = "ERROR : ";
        auto text = undated(line);
        if (text.substr(0, mark.size()) != mark)
            return;
        text.remove_prefix(mark.size());
        if (const auto colon = text.find(": "); colon != std::string_view::npos)
            said.insert_or_assign(std::string{text.substr(0, colon)}, std::string{text.substr(colon + 2)});
    });
    for (const auto& name : names) {
        const auto own = said.find(name);
        if (own == said.end())
            failures.insert_or_assign(name, general);
        else
            failures.insert_or_assign(name, fault("store " + pbx::shown(name), {1, answer.timed_out, {}, own->second}));
    }
}

std::map<std::string, std::string> Remote::read_back(Shelf shelf, const std::vector<std::string>& names,
                                                     const Deadline& deadline) const {
    std::map<std::string, std::string> result;
    for (const auto& some : batches(names, batch(names.size(), deadline))) {
        const auto answer = transfer({"hashsum", "MD5", "--download"}, some, {shelf_path(shelf)}, deadline, {});
        const std::set<std::string_view> asked{some.begin(), some.end()};
        // A last line without an end may have lost the end of its name.
        const auto whole = std::string_view{answer.out}.substr(0, answer.out.rfind('\n') + 1);
        for_each_line(whole, [&](std::string_view line) {
            constexpr std::size_t digits = 32;
            if (line.size() > digits + 2 && line.substr(digits, 2) == "  " && asked.contains(line.substr(digits + 2)) &&
                is_md5(std::string{line.substr(0, digits)}))
                result.insert_or_assign(std::string{line.substr(digits + 2)}, std::string{line.substr(0, digits)});
        });
    }
    return result;
}

void Remote::list(const std::function<void(const std::string&, const RemoteObject&)>& each,
                  const Deadline& deadline) const {
    std::string rest;
    ListForm form;
    bool any = false;
    // The server's own time: asking for the one that rclone keeps costs a question an object on some remotes.
    const auto answer = run({"lsjson", "-R", "--files-only", "--no-mimetype", "--use-server-modtime", connection_.path},
                            deadline, {}, [&](std::string_view data) {
                                rest += data;
                                const auto end = rest.rfind('\n');
                                if (rest.size() - (end == std::string::npos ? 0 : end) > longest_line)
                                    throw fault(Exit::unavailable, "list it", "a line of the answer does not end");
                                if (end == std::string::npos)
                                    return;
                                for_each_line(std::string_view{rest}.substr(0, end), [&](std::string_view line) {
                                    const auto entry = read_entry(line);
                                    form.add(line, entry.has_value());
                                    any = any || entry;
                                    if (entry && entry->object && is_ours(entry->path))
                                        each(entry->path, *entry->object);
                                });
                                rest.erase(0, end + 1);
                            });
    constexpr int not_found = 3;
    if (answer.status == 0 && !answer.timed_out && !form.is_whole())
        throw fault(Exit::unavailable, "list it", no_list);
    if (!any && (answer.status == 0 || answer.status == not_found) && !answer.timed_out)
        return require_root(deadline);
    if (answer.status != 0 || answer.timed_out)
        throw fault("list it", answer);
}

void Remote::sync(const Deadline& deadline) const {
    const auto& what = kind(deadline);
    if (what.bucket)
        return;
    if (!what.local) {
        // crypt, union and alias may lie above a folder of this machine.
        ::sync();
        return;
    }
    const Fd fd{::open(what.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::syncfs(fd.get()) != 0)
        throw system_error(Exit::cant_create, "cannot sync the remote's file system at " + what.folder, errno);
}

} // namespace pbx
