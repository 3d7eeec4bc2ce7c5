// In batches, so that many legs are synced at the cost of one, and memory stays flat.
#include "recording/weave_run.hpp"

#include "base/log.hpp"
#include "base/name.hpp"
#include "base/parallel.hpp"
#include "recording/spool_space.hpp"
#include "recording/weave_leg.hpp"
#include "spool/removal.hpp"

#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pbx::recording {

namespace {

// Each leg has up to four open files until all are synced.
constexpr std::size_t legs_at_once = 128;

class WeaveRun {
  public:
    WeaveRun(const spool::HalvesFolder& halves, const Folder& spool, const WeaveOptions& options,
             StitchResults& results, const Deadline& deadline)
        : halves_{halves}, spool_{spool}, options_{options}, results_{results}, deadline_{deadline} {}

    /// Returns the legs of which no half can be read.
    std::map<std::string, Error> run() {
        if (!options_.dry_run)
            halves_.folder().for_each_name(
                [this](const std::string& name) { spool::restore_name(halves_.folder(), name); });
        halves_.for_each_leg([this](const std::string& leg) { add(leg); },
                             [this](const std::string& name) {
                                 log::note("{} is no recording of ours", shown(halves_.folder().path_of(name)));
                             });
        weave_batch();
        if (without_room_ > 0)
            results_.failed(
                Error{Exit::cant_create,
                      fmt::format("no room in {} for {} legs in two channels: the remaining space is reserved for "
                                  "Asterisk, and their halves stay in {}",
                                  spool_.path().native(), without_room_, halves_.folder().path().native()),
                      "run pbx-archive, so that old recordings can leave this disk; or lower reserve in pbx.conf"});
        return std::move(unreadable_);
    }

  private:
    void add(const std::string& leg) {
        if (deadline_.passed())
            return; // pbx-stitch prints it itself
        batch_.push_back(leg);
        if (batch_.size() >= legs_at_once)
            weave_batch();
    }

    // Leaves out what would take the space of the recorders.
    std::vector<std::string> take_fitting() {
        std::vector<std::string> fitting;
        auto left = SpoolSpace{spool_, options_.space}.available();
        for (auto& leg : std::exchange(batch_, {})) {
            std::uint64_t bytes = 0;
            try {
                for (const auto& [side, half] : halves_.find_halves(leg))
                    bytes += static_cast<std::uint64_t>(half.status.st_size);
            } catch (const Error& error) {
                not_woven(leg, error);
                continue;
            }
            if (bytes > left) {
                ++without_room_;
                continue;
            }
            left -= bytes;
            fitting.push_back(std::move(leg));
        }
        return fitting;
    }

    void weave_batch() {
        const auto legs = take_fitting();
        if (options_.dry_run) {
            for (const auto& leg : legs)
                results_.would_weave(leg);
            return;
        }
        std::vector<std::optional<WovenLeg>> woven(legs.size());
        parallel_for(legs.size(), options_.jobs, [&](std::size_t i) {
            try {
                if (auto leg = weave_leg(halves_, spool_, legs[i]))
                    woven[i].emplace(*std::move(leg));
            } catch (const WeaveLater& later) {
                results_.wove_later(legs[i], later.reason);
            } catch (const Error& error) {
                not_woven(legs[i], error);
            }
        });
        commit(woven);
    }

    void not_woven(const std::string& leg, const Error& error) {
        results_.not_woven(leg, error);
        const std::lock_guard guard{unreadable_mutex_};
        if (error.status() == Exit::data)
            unreadable_.emplace(leg, error);
    }

    void commit(std::vector<std::optional<WovenLeg>>& woven) {
        std::vector<AtomicFile> files;
        for (auto& each : woven)
            if (each && each->file)
                files.push_back(*std::move(each->file));
        try {
            AtomicFile::commit_all(files, spool_);
        } catch (const Error& error) {
            results_.failed(error);
            return;
        }
        for (const auto& each : woven)
            if (each)
                finish(*each);
    }

    void finish(const WovenLeg& leg) {
        results_.woven(leg);
        try {
            remove_halves(halves_, leg);
        } catch (const Error& error) {
            results_.failed(error);
        }
    }

    const spool::HalvesFolder& halves_;
    const Folder& spool_;
    const WeaveOptions& options_;
    StitchResults& results_;
    const Deadline& deadline_;
    std::vector<std::string> batch_;
    std::size_t without_room_ = 0;
    std::mutex unreadable_mutex_;
    std::map<std::string, Error> unreadable_;
};

} // namespace

std::map<std::string, Error> weave_all(const Folder& spool, const WeaveOptions& options, StitchResults& results,
                                       const Deadline& deadline) {
    const auto halves = spool::HalvesFolder::find(spool);
    if (!halves)
        return {};
    return WeaveRun{*halves, spool, options, results, deadline}.run();
}

} // namespace pbx::recording
