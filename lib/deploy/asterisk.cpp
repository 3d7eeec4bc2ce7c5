// Asterisk's exit status and its words on a console say nothing of whether a configuration was accepted ("Dialplan
// reloaded." for one that was refused), so what it logs while loading is read, and what it then has is compared.
#include "deploy/asterisk.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/identity.hpp"
#include "base/private_folder.hpp"
#include "base/subprocess.hpp"
#include "base/words.hpp"
#include "dialplan/conf_lines.hpp"
#include "dialplan/includes.hpp"
#include "dialplan/text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <future>
#include <iterator>
#include <optional>
#include <regex>
#include <set>
#include <thread>

namespace pbx::deploy {

const char* const order_hint = "put these lines into pjsip.conf and restart Asterisk: [global] / type=global / "
                               "endpoint_identifier_order=username,ip,anonymous";

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// What a folder or a listing of Asterisk's may come to; more is no configuration.
constexpr std::size_t most_output = 256U << 20U;

std::vector<std::string> environment(const std::string& home) {
    return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home, "LC_ALL=C"};
}

// The file that `program` names, without symbolic links, once it is sure that only root and `user` can change it.
std::string trusted_program(const std::string& program, uid_t user) {
    std::error_code failed;
    fs::path found{program};
    if (program.find('/') == std::string::npos) {
        const char* path = std::getenv("PATH");
        std::string_view folders{path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin"};
        while (!folders.empty()) {
            const auto length = std::min(folders.find(':'), folders.size());
            const auto candidate = fs::path{folders.substr(0, length)} / program;
            if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0) {
                found = candidate;
                break;
            }
            folders.remove_prefix(std::min(length + 1, folders.size()));
        }
    }
    const auto real = fs::canonical(found, failed);
    if (failed || !found.has_parent_path())
        throw system_error(Exit::unavailable, "cannot run " + program, failed ? failed.value() : ENOENT,
                           "install Asterisk, or name its program with --asterisk");
    if (const auto fault = trust_fault(real, user); !fault.empty())
        throw Error{Exit::no_permission, fmt::format("{}: the program is not run: {}", program, fault),
                    fmt::format("give it to root (chown root, chmod go-w), with the folders above it, or name another "
                                "with --asterisk")};
    return real.native();
}

// The account that the private Asterisk runs as: the owner of the Asterisk folder and its configuration.
Identity account(const Folder& folder) {
    struct stat found {};
    if (::fstat(folder.fd(), &found) != 0)
        throw system_error(Exit::io, "cannot look at " + folder.path().native(), errno);
    if (::geteuid() != 0)
        return {::geteuid(), ::getegid()};
    if (found.st_uid != 0)
        return identity_of(found.st_uid, found.st_gid);
    for (const auto* name : {"asterisk", "nobody"})
        if (const auto* entry = ::getpwnam(name); entry != nullptr && entry->pw_uid != 0) {
            words::note("{} belongs to root; the private Asterisk runs as {}", folder.path().native(), name);
            return {entry->pw_uid, entry->pw_gid};
        }
    throw Error{Exit::no_permission, folder.path().native() + " belongs to root, and Asterisk is not run as root",
                "create a user asterisk, and give it the folder"};
}

void write_file(const fs::path& path, std::string_view text) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file)
        throw system_error(Exit::cant_create, "cannot write " + path.native(), errno);
    write_all(file.get(), text, path.native());
}

// Where the real Asterisk has its modules and documentation, if its asterisk.conf names the folders. What is loaded
// from them runs as `user`, so nobody else may have a say in it.
std::string installed_folders(const Folder& folder, const Identity& user) {
    const auto sources = read_sources(folder, "asterisk.conf", {});
    std::error_code failed;
    const auto trusted = [&](const fs::path& path) {
        const auto real = fs::canonical(path, failed);
        if (failed)
            return path;
        if (const auto fault = trust_fault(real, user.user); !fault.empty())
            throw Error{Exit::no_permission,
                        fmt::format("{}: not used for the private Asterisk: {}", path.native(), fault),
                        fmt::format("it must belong to root or {}, and only its owner may write it (chown, chmod go-w)",
                                    account_name(user.user))};
        return real;
    };
    std::string result;
    for (const auto& source : sources) {
        dialplan::for_each_conf_line(source.text, [&](const dialplan::ConfLine& line) {
            const auto setting = dialplan::setting_of(line.code);
            if ((setting.key != "astmoddir" && setting.key != "astdatadir") || !setting.value.starts_with('/'))
                return;
            trusted(folder.path() / source.name);
            result += setting.key + " => " + trusted(setting.value).native() + '\n';
        });
    }
    return result;
}

// chan_pjsip and the modules that register with providers or serve a network stay out: this Asterisk only reads.
constexpr std::string_view modules = R"([modules]
autoload = no
load = res_sorcery_config.so
load = res_sorcery_memory.so
load = res_sorcery_astdb.so
load = res_pjproject.so
load = res_pjsip.so
load = res_pjsip_endpoint_identifier_ip.so
load = app_queue.so
load = pbx_config.so
)";

struct Seen {
    std::vector<std::string> complaints; // without their time and thread
    std::string dialplan;
    std::string endpoints;
    std::string queues;
    std::string settings;
};

std::string read_some(const Folder& folder, const std::string& name) {
    std::string text;
    const auto file = folder.find(name);
    std::array<char, 65536> buffer{};
    while (file && text.size() < most_output) {
        const auto count = read_at(file->get(), buffer, text.size(), folder.path_of(name));
        if (count == 0)
            break;
        text.append(buffer.data(), count);
    }
    return text;
}

// The private configuration, file by file, and what its files are called in reality.
struct Candidate {
    Texts files;                // names are relative
    Texts real_names;           // of those that lie elsewhere
    std::set<std::string> exec; // files with #exec lines
};

class Writer {
  public:
    Candidate write(const Folder& folder, const Texts& instead, const std::function<std::string(const Source&)>& ours) {
        for (const auto& kind : dialplan::kinds) {
            result_.files[kind.main_file];
            // pjsip.conf alone holds what opens ports. It comes last but for queues.conf, and its copy stays.
            const bool pjsip = std::string_view{kind.main_file} == "pjsip.conf";
            for (const auto& source : read_sources(folder, kind.main_file, instead)) {
                const auto name = private_name(source.name);
                if (pjsip || copied_.insert(name).second)
                    result_.files[name] = source.ours ? copy({source.name, ours(source), true, source.includes}, pjsip)
                                                      : copy(source, pjsip);
            }
        }
        return std::move(result_);
    }

  private:
    std::string private_name(const std::string& name) {
        if (!name.starts_with('/'))
            return name;
        const auto known = names_.find(name);
        if (known != names_.end())
            return known->second;
        auto made = fmt::format("elsewhere/{}.conf", names_.size());
        result_.real_names.emplace(made, name);
        return names_.emplace(name, std::move(made)).first->second;
    }

    // The same lines, so that complaints name the right ones.
    std::string copy(const Source& source, bool pjsip) {
        std::string text;
        text.reserve(source.text.size());
        std::size_t number = 0;
        dialplan::for_each_conf_line(source.text, [&](const dialplan::ConfLine& line) {
            if (const auto code = replaced(source, line, number++, pjsip); code.empty())
                text += line.text;
            else
                text += repeated("--;", line.before) + code + repeated(";--", line.after) + '\n';
        });
        return text;
    }

    static std::string repeated(std::string_view mark, int times) {
        std::string result;
        for (int i = 0; i < times; ++i)
            result += mark;
        return result;
    }

    // What stands in place of a line; empty: the line itself.
    std::string replaced(const Source& source, const dialplan::ConfLine& line, std::size_t number, bool pjsip) {
        if (line.code.starts_with('#')) {
            const auto directive = dialplan::directive_of(line.code);
            if (directive.word == "exec") {
                result_.exec.insert(source.name);
                return ";";
            }
            const auto found = source.includes.find(number);
            if (found == source.includes.end() || found->second.empty())
                return {};
            if (found->second.size() == 1)
                return fmt::format("#{} \"{}\"", directive.word, private_name(found->second.front()));
            const auto list = fmt::format("lists/{}.conf", lists_++);
            for (const auto& name : found->second)
                result_.files[list] += fmt::format("#{} \"{}\"\n", directive.word, private_name(name));
            return fmt::format("#{} \"{}\"", directive.word, list);
        }
        if (!pjsip)
            return {};
        const auto setting = dialplan::setting_of(line.code);
        // A type that nobody reads: without a transport no port is opened, and nothing can be sent.
        if (setting.key == "type" && dialplan::lower(setting.value) == "transport")
            return "type=transport-not-opened";
        return setting.key == "qualify_frequency" ? "qualify_frequency=0" : "";
    }

    Candidate result_;
    Texts names_; // in reality: here
    std::set<std::string> copied_;
    std::size_t lists_ = 0;
};

void for_each_line(std::string_view text, const std::function<void(std::string_view)>& each) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        each(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

// One private Asterisk, from its start to its end.
class Trial {
  public:
    Trial(std::string program, const std::string& installed, const Identity& user, const fs::path& temporary,
          const Candidate& candidate, const Deadline& deadline)
        : program_{std::move(program)}, user_{user}, real_names_{candidate.real_names}, deadline_{deadline} {
        const FilesAs rights{user_};
        folder_.emplace(Folder::open(temporary), "pbx-validate-", user_.user);
        for (const auto* name : {"etc", "lib", "log", "spool", "run"})
            fs::create_directory(path() / name);
        const auto at = [&](const char* name) { return (path() / name).native(); };
        write_file(path() / "etc/asterisk.conf",
                   fmt::format("[directories]\nastetcdir => {}\n{}astvarlibdir => {}\nastdbdir => {}\nastkeydir => {}\n"
                               "astspooldir => {}\nastrundir => {}\nastlogdir => {}\n[options]\nhideconnect = yes\n",
                               at("etc"), installed, at("lib"), at("lib"), at("lib"), at("spool"), at("run"),
                               at("log")));
        write_file(path() / "etc/modules.conf", modules);
        write_file(path() / "etc/logger.conf",
                   "[general]\nappendhostname = no\n[logfiles]\nmessages => warning,error\n");
        for (const auto& [name, text] : candidate.files) {
            const auto file = path() / "etc" / name;
            fs::create_directories(file.parent_path());
            write_file(file, text);
        }
    }
    ~Trial() {
        const FilesAs rights{user_};
        folder_.reset();
    }
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;

    Seen run() {
        // The Asterisk runs in a thread of its own, since waiting for its end is what takes care of it.
        std::atomic<bool> ended{false};
        Finished finished;
        std::exception_ptr failure;
        std::thread daemon{[&] {
            try {
                finished = start("-f", {}, deadline_.at_most(90s));
            } catch (...) {
                failure = std::current_exception();
            }
            ended = true;
        }};
        Seen seen;
        bool booted = false;
        try {
            while (!ended && !booted && !deadline_.passed()) {
                booted = ask("core waitfullybooted").find("fully booted") != std::string::npos;
                if (!booted)
                    std::this_thread::sleep_for(50ms);
            }
            if (booted) {
                seen.dialplan = ask("dialplan show");
                seen.endpoints = ask("pjsip show endpoints");
                seen.queues = ask("queue show");
                seen.settings = ask("pjsip show settings");
                ask("core stop now");
            }
        } catch (...) {
            daemon.join();
            throw;
        }
        daemon.join();
        if (failure)
            std::rethrow_exception(failure);
        if (!booted)
            throw Error{Exit::unavailable,
                        fmt::format("the private {} did not start: status {}: {}", program_, finished.status,
                                    dialplan::harmless(finished.err.empty() ? finished.out : finished.err)),
                        "run it by hand: " + program_ + " -V"};
        seen.complaints = complaints();
        return seen;
    }

  private:
    const fs::path& path() const { return folder_->folder().path(); }

    Finished start(const char* how, std::vector<std::string> more, const Deadline& deadline) const {
        std::vector<std::string> arguments{program_, "-C", (path() / "etc/asterisk.conf").native(), how};
        arguments.insert(arguments.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
        std::string out;
        auto finished = run_command({std::move(arguments), environment(path().native()), {}, user_}, deadline,
                                    [&](std::string_view data) {
                                        if (out.append(data).size() > most_output)
                                            throw Error{Exit::unavailable, program_ + " answers without an end"};
                                    });
        finished.out = std::move(out);
        return finished;
    }

    std::string ask(const std::string& question) const { return start("-rx", {question}, deadline_.at_most(30s)).out; }

    std::vector<std::string> complaints() const {
        const FilesAs rights{user_};
        const auto log = read_some(Folder::open(path() / "log"), "messages");
        std::vector<std::string> result;
        static const std::regex shape{R"(\[[^\]]*\] (WARNING|ERROR)\[\d+\](\[[^\]]*\])?:? (.*))"};
        std::smatch found;
        const auto folder = (path() / "etc/").native();
        const auto replace = [](std::string& words, const std::string& what, const std::string& by) {
            for (auto at = words.find(what); at != std::string::npos; at = words.find(what, at + by.size()))
                words.replace(at, what.size(), by);
        };
        for_each_line(log, [&](std::string_view text) {
            // std::regex recurses once per character.
            const std::string line{text.substr(0, 2000)};
            if (!std::regex_match(line, found, shape))
                return;
            auto words = found.str(3);
            // The names of the files are the same in the Asterisk folder.
            replace(words, folder, "");
            for (const auto& [name, real] : real_names_)
                replace(words, name, real);
            if (words.ends_with('.'))
                words.pop_back();
            result.push_back(std::move(words));
        });
        return result;
    }

    std::string program_;
    Identity user_;
    Texts real_names_;
    Deadline deadline_;
    std::optional<PrivateFolder> folder_;
};

using Names = std::set<std::string>;

// "context extension" of every extension in a text of ours.
Names extensions_in(const std::vector<File>& files) {
    Names names;
    for (const auto& file : files) {
        if (!file.name.starts_with(dialplan::kinds[0].begin))
            continue;
        std::string context;
        for_each_line(file.text, [&](std::string_view line) {
            constexpr std::string_view exten = "exten => ";
            if (line.starts_with('['))
                context = line.substr(1, line.find(']') - 1);
            else if (line.starts_with(exten))
                names.insert(fmt::format("{} {}", context, line.substr(exten.size(), line.find(',') - exten.size())));
        });
    }
    return names;
}

Names extensions_shown(const std::string& shown) {
    Names names;
    std::string context;
    for_each_line(shown, [&](std::string_view line) {
        constexpr std::string_view begin = "[ Context '";
        if (line.starts_with(begin)) {
            line.remove_prefix(begin.size());
            context = line.substr(0, line.find('\''));
        } else if (line.starts_with("  '")) {
            line.remove_prefix(3);
            names.insert(fmt::format("{} {}", context, line.substr(0, line.find('\''))));
        }
    });
    return names;
}

// The names of sections that hold the line `with`; of all when that is empty.
Names sections_in(const std::vector<File>& files, const dialplan::Kind& kind, std::string_view with) {
    Names names;
    for (const auto& file : files) {
        if (!file.name.starts_with(kind.begin))
            continue;
        std::string section;
        for_each_line(file.text, [&](std::string_view line) {
            if (line.starts_with('['))
                section = line.substr(1, line.find(']') - 1);
            if (with.empty() ? line.starts_with('[') : line == with)
                names.insert(section);
        });
    }
    return names;
}

Names queues_shown(const std::string& shown) {
    Names names;
    for_each_line(shown, [&](std::string_view line) {
        if (const auto end = line.find(" has "); end != std::string_view::npos && !line.starts_with(' '))
            names.emplace(line.substr(0, end));
    });
    return names;
}

// Long names are cut off in this listing.
constexpr std::size_t surely_whole = 30;

std::vector<std::string> endpoints_shown(const std::string& shown) {
    std::vector<std::string> names;
    for_each_line(shown, [&](std::string_view line) {
        constexpr std::string_view begin = " Endpoint:  ";
        if (!line.starts_with(begin) || line.find('<') == begin.size())
            return;
        line.remove_prefix(begin.size());
        names.emplace_back(line.substr(0, line.find_first_of("/ ")));
    });
    std::sort(names.begin(), names.end());
    return names;
}

// Those of `names` that are not among the sorted `shown`.
Names not_shown(const Names& names, const std::vector<std::string>& shown) {
    Names missing;
    for (const auto& name : names) {
        const auto next = std::upper_bound(shown.begin(), shown.end(), name);
        const bool there =
            next != shown.begin() && (*std::prev(next) == name ||
                                      (std::prev(next)->size() >= surely_whole && name.starts_with(*std::prev(next))));
        if (!there)
            missing.insert(name);
    }
    return missing;
}

// The value of a line such as " endpoint_identifier_order      : ip,username,anonymous".
std::string setting_shown(const std::string& shown, std::string_view name) {
    std::string value;
    for_each_line(shown, [&](std::string_view line) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        const auto colon = line.find(':');
        if (!line.starts_with(name) || colon == std::string_view::npos)
            return;
        value = line.substr(colon + 1);
        value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
    });
    return value;
}

void missing(const Names& names, const std::string& what, std::vector<std::string>& faults) {
    for (const auto& name : names)
        faults.push_back(fmt::format("{} {} is in the files, but Asterisk does not have it", what, name));
}

void compare(const Names& written, const Names& there, const std::string& what, std::vector<std::string>& faults) {
    Names lost;
    std::set_difference(written.begin(), written.end(), there.begin(), there.end(), std::inserter(lost, lost.end()));
    missing(lost, what, faults);
}

// A name server that does not answer is no fault of the configuration; Asterisk asks again when it loads it.
bool is_about_name_servers(const std::string& complaint) {
    return complaint.find("did not resolve") != std::string::npos ||
           complaint.find("of type 'identify'") != std::string::npos;
}

// Asterisk also complains of files that the private one does not have, such as cdr.conf.
bool is_about_files(const std::string& complaint, const Candidate& candidate) {
    const auto named = [&](const std::string& name) { return complaint.find(name) != std::string::npos; };
    return named("#include") || std::any_of(candidate.files.begin(), candidate.files.end(), [&](const auto& each) {
               const auto real = candidate.real_names.find(each.first);
               return named(real == candidate.real_names.end() ? each.first : real->second);
           });
}

// An organization's file before there was anything in it, but for the sections that the operator's files refer to.
std::string emptied(const Source& source, const std::set<std::string>& extended) {
    std::string text;
    dialplan::for_each_conf_line(source.text, [&](const dialplan::ConfLine& line) {
        if (const auto section = dialplan::section_of(line.code); extended.contains(section.name))
            text += line.text;
    });
    return text;
}

// Where the private Asterisk's folder may be: nobody else must be able to put another in its place.
fs::path trusted_temporary_folder(const Identity& user) {
    std::error_code failed;
    auto place = fs::canonical(temporary_folder(), failed);
    if (failed)
        throw system_error(Exit::cant_create, "cannot use " + temporary_folder().native(), failed.value());
    if (const auto fault = trust_fault(place, user.user); !fault.empty())
        throw Error{Exit::no_permission,
                    fmt::format("{} is not used for the private Asterisk: {}", place.native(), fault),
                    "set TMPDIR to a folder such as /tmp"};
    return place;
}

std::vector<std::string> list_of(std::string_view text) {
    std::vector<std::string> result;
    while (!text.empty()) {
        const auto length = std::min(text.find(','), text.size());
        auto part = dialplan::lower(text.substr(0, length));
        part.erase(std::remove_if(part.begin(), part.end(), [](unsigned char c) { return c <= ' '; }), part.end());
        result.push_back(std::move(part));
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return result;
}

bool names_decide(const std::vector<std::string>& order) {
    const auto name = std::find(order.begin(), order.end(), "username");
    return name != order.end() && name < std::find(order.begin(), order.end(), "ip");
}

} // namespace

std::string order_fault(const std::string& order) {
    if (names_decide(list_of(order)))
        return {};
    return fmt::format("endpoint_identifier_order is {}: a trunk whose address is that of an office takes the calls of "
                       "its phones",
                       order.empty() ? "not set, so Asterisk looks at addresses first" : dialplan::harmless(order));
}

void Asterisk::validate(const std::vector<File>& files, const Texts& mains, bool peers,
                        const Deadline& deadline) const {
    const Waiting waiting{"the private Asterisk", Exit::unavailable};
    const auto user = account(folder_);
    const auto program = trusted_program(program_, user.user);
    const auto temporary = trusted_temporary_folder(user);
    const auto installed = installed_folders(folder_, user);

    auto instead = mains;
    for (const auto& file : files)
        instead.emplace(file.name, file.text);
    const auto operators = read_operator_files(folder_, instead);
    const auto with = Writer{}.write(folder_, instead, [](const Source& source) { return source.text; });
    const auto without =
        Writer{}.write(folder_, instead, [&](const Source& source) { return emptied(source, operators.extended); });
    for (const auto& name : with.exec)
        words::warn("{}: what its #exec lines would add is not part of the validation", name);

    // What is wrong without our files too is the operator's own.
    Trial idle_trial{program, installed, user, temporary, without, deadline};
    Trial trial{program, installed, user, temporary, with, deadline};
    auto idle_run = std::async(std::launch::async, [&] { return idle_trial.run(); });
    const auto seen = trial.run();
    const auto idle = idle_run.get();

    std::vector<std::string> faults;
    for (const auto& complaint : seen.complaints) {
        if (std::find(idle.complaints.begin(), idle.complaints.end(), complaint) != idle.complaints.end())
            continue;
        if (is_about_name_servers(complaint))
            words::warn("the private Asterisk could not look up a trunk's host: {}", complaint);
        else
            faults.push_back(complaint);
    }
    const auto known = faults.size();
    const auto extensions = extensions_in(files);
    const auto there = extensions_shown(seen.dialplan);
    compare(extensions, there, "extension", faults);
    compare(extensions_shown(idle.dialplan), there, "the operator's extension", faults);
    const auto queues = queues_shown(seen.queues);
    compare(sections_in(files, dialplan::kinds[2], ""), queues, "queue", faults);
    compare(queues_shown(idle.queues), queues, "the operator's queue", faults);
    const auto endpoints = sections_in(files, dialplan::kinds[1], "type=endpoint");
    const auto shown = endpoints_shown(seen.endpoints);
    const auto own = endpoints_shown(idle.endpoints);
    missing(not_shown(endpoints, shown), "endpoint", faults);
    missing(not_shown({own.begin(), own.end()}, shown), "the operator's endpoint", faults);
    // Without these the reason may be the operator's own fault, which was left out above.
    if (faults.size() > known)
        for (const auto& complaint : Names{idle.complaints.begin(), idle.complaints.end()})
            if (is_about_files(complaint, with))
                words::warn("asterisk, of the operator's files alone: {}", complaint);
    for (const auto& fault : faults)
        words::error({Exit::data, "asterisk: " + fault});
    if (!faults.empty())
        throw Error{Exit::data, "a private Asterisk does not accept the configuration; nothing was changed",
                    "the lines above name what it complains about"};
    const auto order = order_fault(setting_shown(seen.settings, "endpoint_identifier_order"));
    if (!order.empty() && peers)
        throw Error{Exit::data, "pjsip.conf: " + order + "; nothing was changed", order_hint};
    if (!order.empty())
        words::warn("pjsip.conf: {}", order);
    words::note("a private Asterisk loaded {} endpoints and {} extensions without a complaint", endpoints.size(),
                extensions.size());
}

std::string Asterisk::ask_running(const std::string& question, const Deadline& deadline) const {
    std::vector<std::string> arguments{trusted_program(program_, ::geteuid())};
    const auto conf = folder_.path() / "asterisk.conf";
    std::error_code ignored;
    if (fs::exists(conf, ignored))
        arguments.insert(arguments.end(), {"-C", conf.native()});
    arguments.insert(arguments.end(), {"-rx", question});
    const Waiting waiting{"Asterisk", Exit::unavailable};
    std::string out;
    const auto finished = run_command({arguments, environment("/"), {}}, deadline.at_most(60s),
                                      [&](std::string_view data) { keep_tail(out, data); });
    if (finished.status != 0 || finished.timed_out || out.find("Unable to connect") != std::string::npos)
        throw Error{Exit::unavailable,
                    fmt::format("asterisk -rx \"{}\" failed: {}", question,
                                finished.timed_out ? "no answer" : dialplan::harmless(out + finished.err)),
                    "the files are in place: is Asterisk running, and may this user talk to it? The next run with "
                    "--reload tries again"};
    words::note("asterisk -rx \"{}\"", question);
    return out;
}

void Asterisk::reload(const std::string& main_file, const Deadline& deadline) const {
    ask_running(main_file == "extensions.conf" ? "dialplan reload"
                : main_file == "pjsip.conf"    ? "module reload res_pjsip.so"
                                               : "queue reload all",
                deadline);
}

void Asterisk::check_running_order(const Deadline& deadline) const {
    std::vector<std::string> order;
    for_each_line(ask_running("pjsip show identifiers", deadline), [&](std::string_view line) {
        for (auto& name : list_of(line))
            order.push_back(std::move(name));
    });
    // An Asterisk without PJSIP knows no such command, and has no phones either.
    if (std::find(order.begin(), order.end(), "ip") != order.end() && !names_decide(order)) {
        words::warn("the running Asterisk looks at addresses before names: a trunk whose address is that of an office "
                    "takes the calls of its phones");
        words::warn("hint: {}", order_hint);
    }
}

} // namespace pbx::deploy
