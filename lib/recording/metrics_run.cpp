// The file is written while it is held, so that two tools may share it.
#include "recording/metrics_run.hpp"

#include "base/atomic_file.hpp"
#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

namespace pbx::recording {

namespace {

// A few hourly tools share the file: it is never longer.
constexpr std::uint64_t most_bytes = 1U << 20U;

// The text that earlier runs wrote; the open file `next` gets its mode and owner. A file that is not ours is replaced
// without being read, since everybody may read what we write.
std::string read_own(const Folder& folder, const std::string& name, int next) {
    if (!folder.look(name))
        return {};
    try {
        const auto fd = open_trusted(folder, name);
        struct stat status {};
        if (!fd || ::fstat(fd->get(), &status) != 0)
            return {};
        const auto path = folder.path_of(name);
        if (static_cast<std::uint64_t>(status.st_size) > most_bytes)
            throw Error{Exit::data, fmt::format("{} is not used: it is longer than {} bytes", path, most_bytes)};
        std::string text(static_cast<std::size_t>(status.st_size), '\0');
        text.resize(read_at(fd->get(), text, 0, path));
        // Without its owner and group, which only root can always give it, it may be read by fewer, never by more.
        [[maybe_unused]] const int given =
            ::fchown(next, ::geteuid() == 0 ? status.st_uid : static_cast<uid_t>(-1), status.st_gid);
        if (::fchmod(next, status.st_mode & 0777U) != 0)
            throw system_error(Exit::cant_create, "cannot set the mode of " + path, errno);
        return text;
    } catch (const Error& error) {
        if (error.status() != Exit::no_permission && error.status() != Exit::data)
            throw;
        log::warn("{}; a new file replaces it, and the counters begin at 0", error.what());
        return {};
    }
}

// A pipe or a link, which any user can make in a folder that all may write, is replaced. A device is a mistake in the
// configuration.
void require_replaceable(const Folder& folder, const std::string& name) {
    const auto found = folder.look(name);
    if (found && !S_ISREG(found->st_mode) && !S_ISLNK(found->st_mode) && !S_ISFIFO(found->st_mode))
        throw Error{Exit::cant_create, "cannot write the metrics: " + folder.path_of(name) + " is not a regular file",
                    "give --metrics another file, or none"};
}

Folder open_parent(const std::filesystem::path& path) {
    try {
        return Folder::open(path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."});
    } catch (const Error& error) {
        throw Error{error.status() == Exit::io ? Exit::cant_create : error.status(), error.what(),
                    "give --metrics a file in a folder that exists and that this user may write"};
    }
}

class MetricsRun {
  public:
    MetricsRun(const MetricsOptions& options, const Metrics::Counters& counters)
        : options_{options}, metrics_{counters} {
        try {
            watching_ = std::jthread{[this](const std::stop_token& stop) { wait_for_watchdog(stop); }};
        } catch (const std::system_error& refused) {
            // The run itself needs no other thread.
            log::note("a run that hangs leaves no metrics: cannot start a thread: {}", refused.what());
        }
    }

    Metrics& metrics() { return metrics_; }

    /// Writes the file, unless the thread that waits for the watchdog has done so.
    void write(Exit status) {
        const std::lock_guard lock{guard_};
        if (!std::exchange(written_, true))
            write_file(status);
    }

    /// Reports its own failure: the run has failed already.
    void write_failure(Exit status) {
        try {
            metrics_.add_failure(status);
            write(status);
        } catch (const std::exception& exception) {
            log::error(as_error(exception));
        }
    }

  private:
    void write_file(Exit status) const {
        const std::filesystem::path path{options_.file};
        const auto folder = open_parent(path);
        const auto name = path.filename().native();
        if (name.empty())
            throw Error{Exit::cant_create, "cannot write the metrics: " + options_.file + " is a folder",
                        "give --metrics a file"};
        require_replaceable(folder, name);
        AtomicFile next{folder, name, 0644, Deadline::after(std::chrono::seconds{10})};
        const auto before = read_own(folder, name, next.fd());
        const auto now = current_second();
        const auto length = std::chrono::steady_clock::now() - began_;
        write_all(next.fd(), metrics_.text(before, options_.tool, status, length, now), options_.file);
        next.commit();
    }

    // The work itself ends at the timeout or at a signal, and the watchdog ends the process three seconds later.
    void wait_for_watchdog(const std::stop_token& stop) {
        using namespace std::chrono_literals;
        std::mutex mutex;
        std::condition_variable_any ended;
        std::unique_lock lock{mutex};
        auto last_moment = began_ + options_.timeout + 2s;
        for (auto now = began_; now < last_moment && !stop.stop_requested(); now = std::chrono::steady_clock::now()) {
            if (interrupt::signal() != 0)
                last_moment = std::min(last_moment, now + 2s);
            ended.wait_for(lock, stop, 200ms, [] { return false; });
        }
        if (!stop.stop_requested())
            write_failure(interrupt::signal() != 0 ? Exit::temporary : watchdog_status());
    }

    const MetricsOptions& options_;
    Metrics metrics_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::mutex guard_;
    bool written_ = false;
    std::jthread watching_; ///< the last member, so that it ends before the others are destroyed
};

} // namespace

Exit with_metrics(const MetricsOptions& options, const Metrics::Counters& counters,
                  const std::function<Exit(Metrics&)>& work) {
    if (options.file.empty()) {
        Metrics unused{counters};
        return work(unused);
    }
    MetricsRun run{options, counters};
    Exit status = Exit::ok;
    try {
        status = work(run.metrics());
    } catch (const ReaderGone&) {
        run.write(Exit::ok);
        throw;
    } catch (const std::exception& exception) {
        run.write_failure(as_error(exception).status());
        throw;
    }
    try {
        run.write(status);
    } catch (const std::exception& exception) {
        const auto error = as_error(exception);
        log::error(error);
        return worst(status, error.status());
    }
    return status;
}

} // namespace pbx::recording
