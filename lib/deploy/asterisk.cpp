// Asterisk's exit status and its words on a console say nothing of whether a configuration was accepted ("Dialplan
// reloaded." for one that was refused), so what it logs while loading is read, and what it then has is compared.
#include "deploy/asterisk.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/subprocess.hpp"
#include "base/words.hpp"
#include "dialplan/includes.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <regex>
#include <set>
#include <thread>

namespace pbx::deploy {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::vector<std::string> environment() {
    std::vector<std::string> result;
    for (char** each = environ; *each != nullptr; ++each)
        result.emplace_back(*each);
    return result;
}

// A folder of our own that is gone afterwards. Its path is short: that of the control socket in it has a limit.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::error_code ignored;
        auto name = (fs::temp_directory_path(ignored) / "pbx-validate-XXXXXX").native();
        if (::mkdtemp(name.data()) == nullptr)
            throw system_error(Exit::cant_create, "cannot make a temporary folder " + name, errno);
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

void write_file(const fs::path& path, std::string_view text) {
    std::ofstream file{path, std::ios::binary};
    file << text;
    file.close();
    if (!file)
        throw Error{Exit::cant_create, "cannot write " + path.native()};
}

// Where the real Asterisk has its modules and documentation, if its asterisk.conf says so.
std::string installed_folders(const fs::path& folder) {
    std::string result;
    std::ifstream conf{folder / "asterisk.conf"};
    static const std::regex setting{R"(\s*(astmoddir|astdatadir)\s*=>?\s*([^;]*[^;\s]).*)"};
    std::smatch found;
    for (std::string line; std::getline(conf, line);)
        if (std::regex_match(line, found, setting))
            result += found.str(1) + " => " + found.str(2) + '\n';
    return result;
}

// chan_pjsip and the modules that register with providers or open ports stay out: this Asterisk only reads.
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
};

// One private Asterisk, from its start to its end.
class Trial {
  public:
    Trial(std::string program, const fs::path& installed, const Deadline& deadline)
        : program_{std::move(program)}, deadline_{deadline} {
        for (const auto* name : {"etc", "lib", "log", "spool", "run"})
            fs::create_directory(folder_.path() / name);
        const auto at = [&](const char* name) { return (folder_.path() / name).native(); };
        write_file(folder_.path() / "etc/asterisk.conf",
                   fmt::format("[directories]\nastetcdir => {}\n{}astvarlibdir => {}\nastdbdir => {}\nastkeydir => {}\n"
                               "astspooldir => {}\nastrundir => {}\nastlogdir => {}\n[options]\nhideconnect = yes\n",
                               at("etc"), installed_folders(installed), at("lib"), at("lib"), at("lib"), at("spool"),
                               at("run"), at("log")));
        write_file(folder_.path() / "etc/modules.conf", modules);
        write_file(folder_.path() / "etc/logger.conf",
                   "[general]\nappendhostname = no\n[logfiles]\nmessages => warning,error\n");
    }

    Seen load(const std::vector<File>& files) {
        std::map<std::string, std::string> mains{
            {"extensions.conf", "[general]\n"}, {"pjsip.conf", ""}, {"queues.conf", "[general]\n"}};
        for (const auto& file : files) {
            write_file(folder_.path() / "etc" / file.name, file.text);
            for (const auto& kind : dialplan::kinds)
                if (file.name.starts_with(kind.begin))
                    mains[kind.main_file] += "#include \"" + file.name + "\"\n";
        }
        for (const auto& [name, text] : mains)
            write_file(folder_.path() / "etc" / name, text);
        return run();
    }

  private:
    Command command(std::vector<std::string> more) const {
        std::vector<std::string> arguments{program_, "-C", (folder_.path() / "etc/asterisk.conf").native()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return {std::move(arguments), environment(), {}};
    }

    std::string ask(const std::string& question) const {
        return run_command(command({"-rx", question}), deadline_.at_most(30s)).out;
    }

    Seen run() {
        // The Asterisk runs in a thread of its own, since waiting for its end is what takes care of it.
        std::atomic<bool> ended{false};
        Finished finished;
        std::exception_ptr failure;
        std::thread daemon{[&] {
            try {
                finished = run_command(command({"-f"}), deadline_.at_most(90s));
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

    std::vector<std::string> complaints() const {
        std::vector<std::string> result;
        std::ifstream log{folder_.path() / "log/messages"};
        static const std::regex shape{R"(\[[^\]]*\] (WARNING|ERROR)\[\d+\](\[[^\]]*\])?:? (.*))"};
        std::smatch found;
        const auto folder = (folder_.path() / "etc/").native();
        for (std::string line; std::getline(log, line);) {
            if (!std::regex_match(line, found, shape))
                continue;
            auto words = found.str(3);
            // The names of our files are the same in the Asterisk folder.
            for (auto at = words.find(folder); at != std::string::npos; at = words.find(folder))
                words.erase(at, folder.size());
            result.push_back(std::move(words));
        }
        return result;
    }

    TemporaryFolder folder_;
    std::string program_;
    Deadline deadline_;
};

void for_each_line(std::string_view text, const std::function<void(std::string_view)>& each) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        each(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

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
std::vector<std::string> endpoints_shown(const std::string& shown) {
    std::vector<std::string> names;
    for_each_line(shown, [&](std::string_view line) {
        constexpr std::string_view begin = " Endpoint:  ";
        if (!line.starts_with(begin) || line.find('<') == begin.size())
            return;
        line.remove_prefix(begin.size());
        names.emplace_back(line.substr(0, line.find_first_of("/ ")));
    });
    return names;
}

void compare(const Names& written, const Names& there, const std::string& what, std::vector<std::string>& faults) {
    for (const auto& name : written)
        if (!there.contains(name))
            faults.push_back(fmt::format("{} {} is in the files, and not in Asterisk", what, name));
}

// A name server that does not answer is no fault of the configuration; Asterisk asks again when it loads it.
bool is_about_name_servers(const std::string& complaint) {
    return complaint.find("did not resolve") != std::string::npos ||
           complaint.find("of type 'identify'") != std::string::npos;
}

} // namespace

void Asterisk::validate(const std::vector<File>& files, const Deadline& deadline) const {
    const Waiting waiting{"the private Asterisk", Exit::unavailable};
    // What it says of nothing at all is not said of us.
    const auto idle = Trial{program_, folder_, deadline}.load({}).complaints;
    const auto seen = Trial{program_, folder_, deadline}.load(files);
    std::vector<std::string> faults;
    for (const auto& complaint : seen.complaints) {
        if (std::find(idle.begin(), idle.end(), complaint) != idle.end())
            continue;
        if (is_about_name_servers(complaint))
            words::warn("the private Asterisk could not look up a trunk's host: {}", complaint);
        else
            faults.push_back(complaint);
    }
    compare(extensions_in(files), extensions_shown(seen.dialplan), "extension", faults);
    compare(sections_in(files, dialplan::kinds[2], ""), queues_shown(seen.queues), "queue", faults);
    const auto endpoints = sections_in(files, dialplan::kinds[1], "type=endpoint");
    const auto shown = endpoints_shown(seen.endpoints);
    if (shown.size() != endpoints.size())
        faults.push_back(
            fmt::format("{} endpoints are in the files, and {} in Asterisk", endpoints.size(), shown.size()));
    for (const auto& fault : faults)
        words::error({Exit::data, "asterisk: " + fault});
    if (!faults.empty())
        throw Error{Exit::data, "a private Asterisk does not accept the configuration; nothing was changed",
                    "the lines above name what it complains about"};
    words::note("a private Asterisk loaded {} endpoints and {} extensions without a complaint", shown.size(),
                extensions_in(files).size());
}

void Asterisk::reload(const std::string& main_file, const Deadline& deadline) const {
    const std::string command = main_file == "extensions.conf" ? "dialplan reload"
                                : main_file == "pjsip.conf"    ? "module reload res_pjsip.so"
                                                               : "queue reload all";
    std::vector<std::string> arguments{program_};
    const auto conf = folder_ / "asterisk.conf";
    std::error_code ignored;
    if (fs::exists(conf, ignored))
        arguments.insert(arguments.end(), {"-C", conf.native()});
    arguments.insert(arguments.end(), {"-rx", command});
    const Waiting waiting{"Asterisk", Exit::unavailable};
    const auto finished = run_command({arguments, environment(), {}}, deadline.at_most(60s));
    if (finished.status != 0 || finished.timed_out || finished.out.find("Unable to connect") != std::string::npos)
        throw Error{Exit::unavailable,
                    fmt::format("asterisk -rx \"{}\" failed: {}", command,
                                finished.timed_out ? "no answer" : dialplan::harmless(finished.out + finished.err)),
                    "the files are in place: is Asterisk running, and may this user talk to it? The next run with "
                    "--reload tries again"};
    words::note("asterisk -rx \"{}\"", command);
}

} // namespace pbx::deploy
