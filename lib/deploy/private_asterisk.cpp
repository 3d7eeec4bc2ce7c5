// It opens no port and sends nothing: its transports are not opened (candidate.cpp), and it loads few modules.
#include "deploy/private_asterisk.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/private_folder.hpp"
#include "base/subprocess.hpp"
#include "deploy/asterisk_log.hpp"
#include "dialplan/text.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <exception>
#include <iterator>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

namespace pbx::deploy {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// A log or a listing of Asterisk's that is longer is not read to its end.
constexpr std::size_t most_output = 256U << 20U;

constexpr auto longest_run = 90s;
constexpr auto longest_answer = 30s;

void write_file(const fs::path& path, std::string_view text) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file)
        throw system_error(Exit::cant_create, "cannot write " + path.native(), errno);
    write_all(file.get(), text, path.native());
}

// chan_pjsip and the modules that register with providers or serve a network stay out: this Asterisk only reads. Its
// warnings about modules that are not installed appear without the organizations' files too.
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
load = codec_resample.so
load = codec_ulaw.so
load = codec_alaw.so
load = codec_g722.so
load = codec_gsm.so
load = codec_ilbc.so
load = codec_opus.so
load = codec_opus_open_source.so
load = codec_g729.so
load = codec_g729a.so
)";

// One private Asterisk, from its start to its end.
class PrivateAsterisk {
  public:
    PrivateAsterisk(const PrivateAsteriskOptions& options, const Candidate& candidate, const Deadline& deadline)
        : options_{options}, real_names_{candidate.real_names}, deadline_{deadline} {
        const FilesAs rights{options_.user};
        folder_.emplace(Folder::open(options_.temporary), "pbx-validate-", options_.user.user);
        for (const auto* name : {"etc", "lib", "log", "spool", "run"})
            fs::create_directory(path() / name);
        write_own_configuration();
        for (const auto& [name, text] : candidate.files) {
            const auto file = path() / "etc" / name;
            fs::create_directories(file.parent_path());
            write_file(file, text);
        }
    }
    ~PrivateAsterisk() {
        const FilesAs rights{options_.user};
        folder_.reset();
    }
    PrivateAsterisk(const PrivateAsterisk&) = delete;
    PrivateAsterisk& operator=(const PrivateAsterisk&) = delete;

    LoadedConfiguration run() {
        // The process runs in a thread of its own, which waits for its end.
        std::atomic<bool> ended{false};
        Finished finished;
        std::exception_ptr failure;
        std::thread daemon{[&] {
            try {
                finished = start("-f", {}, deadline_.at_most(longest_run));
            } catch (...) {
                failure = std::current_exception();
            }
            ended = true;
        }};
        std::optional<LoadedConfiguration> loaded;
        try {
            if (has_booted(ended))
                loaded = ask_and_stop();
        } catch (...) {
            daemon.join();
            throw;
        }
        daemon.join();
        if (failure)
            std::rethrow_exception(failure);
        if (!loaded)
            throw Error{Exit::unavailable,
                        fmt::format("the private {} did not start: status {}: {}", options_.program, finished.status,
                                    dialplan::harmless(finished.err.empty() ? finished.out : finished.err)),
                        "try to run it: " + options_.program + " -V"};
        loaded->complaints = complaints();
        return std::move(*loaded);
    }

  private:
    void write_own_configuration() const {
        const auto at = [&](const char* name) { return (path() / name).native(); };
        write_file(path() / "etc/asterisk.conf",
                   fmt::format("[directories]\nastetcdir => {}\n{}astvarlibdir => {}\nastdbdir => {}\nastkeydir => {}\n"
                               "astspooldir => {}\nastrundir => {}\nastlogdir => {}\n[options]\nhideconnect = yes\n",
                               at("etc"), options_.installed_folders, at("lib"), at("lib"), at("lib"), at("spool"),
                               at("run"), at("log")));
        write_file(path() / "etc/modules.conf", modules);
        write_file(path() / "etc/logger.conf",
                   "[general]\nappendhostname = no\n[logfiles]\nmessages => warning,error\n");
    }

    bool has_booted(const std::atomic<bool>& ended) const {
        while (!ended && !deadline_.passed()) {
            if (ask("core waitfullybooted").find("fully booted") != std::string::npos)
                return true;
            std::this_thread::sleep_for(50ms);
        }
        return false;
    }

    LoadedConfiguration ask_and_stop() const {
        LoadedConfiguration loaded;
        loaded.dialplan = ask("dialplan show");
        loaded.endpoints = ask("pjsip show endpoints");
        loaded.queues = ask("queue show");
        loaded.settings = ask("pjsip show settings");
        loaded.cdr_status = ask("cdr show status");
        if (!options_.codecs.empty())
            loaded.codecs_without_path =
                codecs_without_path(options_.codecs, [&](const std::string& question) { return ask(question); });
        ask("core stop now");
        return loaded;
    }

    const fs::path& path() const { return folder_->folder().path(); }

    Finished start(const char* how, std::vector<std::string> more, const Deadline& deadline) const {
        std::vector<std::string> arguments{options_.program, "-C", (path() / "etc/asterisk.conf").native(), how};
        arguments.insert(arguments.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
        std::string out;
        auto finished =
            run_command({std::move(arguments), asterisk_environment(path().native()), {}, options_.user}, deadline,
                        [&](std::string_view data) {
                            if (out.append(data).size() > most_output)
                                throw Error{Exit::unavailable, options_.program + " does not end its answer"};
                        });
        finished.out = std::move(out);
        return finished;
    }

    std::string ask(const std::string& question) const {
        return start("-rx", {question}, deadline_.at_most(longest_answer)).out;
    }

    std::vector<std::string> complaints() const {
        const FilesAs rights{options_.user};
        std::string log;
        if (const auto file = Folder::open(path() / "log").find("messages"))
            log = read_file(file->get(), "messages", most_output);
        return complaints_in(log, (path() / "etc/").native(), real_names_);
    }

    const PrivateAsteriskOptions& options_;
    const Texts& real_names_;
    Deadline deadline_;
    std::optional<PrivateFolder> folder_;
};

} // namespace

std::vector<std::string> asterisk_environment(const std::string& home) {
    return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home, "LC_ALL=C"};
}

LoadedConfiguration load_privately(const PrivateAsteriskOptions& options, const Candidate& candidate,
                                   const Deadline& deadline) {
    return PrivateAsterisk{options, candidate, deadline}.run();
}

} // namespace pbx::deploy
