// The hourly run and a rebuild on demand make the same file, byte for byte.
#include "recording/build.hpp"

#include "audio/join.hpp"
#include "base/lease.hpp"
#include "base/moment.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace pbx::recording {

namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// A leg with audio, as it was when its header was read.
struct AudibleLeg {
    const LocatedLeg* leg;
    audio::LegShape shape;
    dev_t device;
    ino_t inode;
    off_t size;
    FileTime modified;
};

// A leg that is no longer what it was when its header was read. One in a cache has been fetched again meanwhile: it can
// be looked for like one that is gone.
struct LegChanged {
    std::string name;
    bool gone;
};

struct stat look_at(const Fd& file, const std::string& name) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        throw system_error(Exit::io, "cannot look at leg " + name, errno);
    return status;
}

class Builder {
  public:
    explicit Builder(const ResolvedCall& call) : call_{call} {
        result_.manifest.linkedid = call.call.linkedid;
        result_.manifest.accountcode = call.call.accountcode;
        result_.manifest.started = utc_time(call.call.started);
        result_.manifest.consent = call.call.consent;
        result_.manifest.paused = call.call.paused;
    }

    BuildResult build(Overlap overlap, int out, const std::string& what) {
        const FileTime began = std::chrono::system_clock::now();
        for (const auto& leg : call_.legs)
            examine(leg);
        if (!can_be_joined())
            return std::move(result_);
        result_.manifest.trimmed = overlap == Overlap::trim;
        if (result_.manifest.trimmed)
            trim();
        try {
            while (!join(out, what)) {
            }
        } catch (const LegChanged& changed) {
            (changed.gone ? result_.gone : result_.being_written).push_back(changed.name);
            return std::move(result_);
        }
        result_.bytes = size_of(out, what);
        set_modification_time(out, std::max(began, newest_), what);
        return std::move(result_);
    }

  private:
    bool can_be_joined() const { return result_.being_written.empty() && result_.gone.empty(); }

    void examine(const LocatedLeg& leg) {
        if (!leg.damage.empty()) {
            add_unreadable(leg.name, leg.damage);
            return;
        }
        try {
            if (auto file = LocalLegs::open(leg))
                examine(leg, *std::move(file));
            else
                (leg.folder == nullptr ? result_.manifest.missing : result_.gone).push_back(leg.name);
        } catch (const Error& error) {
            if (error.status() != Exit::data)
                throw;
            add_unreadable(leg.name, error.what());
        }
    }

    void add_unreadable(const std::string& name, const std::string& fault) {
        result_.status = Exit::data;
        result_.faults.push_back(fault);
        result_.manifest.unreadable.push_back(name);
    }

    void examine(const LocatedLeg& leg, Fd file) {
        // A file under its final name in a cache is complete, even if the process that fetched it still has it open.
        if (leg.place == LocatedLeg::Place::spool && ReadLease{file.get()}.writer() == Writer::some) {
            result_.being_written.push_back(leg.name);
            return;
        }
        const auto status = look_at(file, leg.name);
        newest_ = std::max(newest_, modification_time(status));
        // A full disk leaves a file of no bytes: it holds no audio that could be unreadable.
        if (status.st_size == 0) {
            result_.manifest.empty.push_back(leg.name);
            return;
        }
        const audio::LegAudio audio{std::move(file), "leg " + leg.name};
        if (audio.truncated()) {
            result_.status = Exit::data;
            result_.faults.push_back("leg " + leg.name +
                                     " is shorter than its header states; the audio that is there is used");
        }
        if (audio.frames() == 0) {
            result_.manifest.empty.push_back(leg.name);
            return;
        }
        result_.manifest.legs.push_back({leg.name, 0, 0, 0});
        audible_.push_back(
            {&leg, audio.shape(), status.st_dev, status.st_ino, status.st_size, modification_time(status)});
    }

    // Ends each leg where a later one begins.
    void trim() {
        constexpr auto one_second = std::chrono::nanoseconds{seconds{1}}.count();
        auto limit = FileTime::max();
        std::for_each(audible_.rbegin(), audible_.rend(), [&](AudibleLeg& leg) {
            auto& shape = leg.shape;
            const auto rate = shape.format.rate;
            const auto began = leg.modified - nanoseconds{shape.frames * one_second / rate};
            const auto span = std::max(std::min(limit, leg.modified) - began, nanoseconds{0});
            const auto kept = static_cast<audio::Frames>(span.count());
            // Whole seconds apart, since frames times nanoseconds would overflow; rounded, so that a whole leg stays
            // whole.
            shape.frames = std::min(shape.frames, kept / one_second * rate +
                                                      (kept % one_second * rate + one_second / 2) / one_second);
            limit = std::min(limit, began);
        });
    }

    // The audio of manifest.legs[index]. Throws LegChanged when the file is not the one whose header was read.
    audio::LegAudio open_again(std::size_t index) const {
        const auto& known = audible_[index];
        auto file = LocalLegs::open(*known.leg);
        if (!file)
            throw LegChanged{known.leg->name, true};
        const auto status = look_at(*file, known.leg->name);
        if (known.device != status.st_dev || known.inode != status.st_ino || known.size != status.st_size ||
            known.modified != modification_time(status))
            throw LegChanged{known.leg->name, known.leg->place == LocatedLeg::Place::cache};
        audio::LegAudio audio{*std::move(file), "leg " + known.leg->name};
        audio.keep_first(known.shape.frames);
        return audio;
    }

    // False when legs turned out to be unreadable: they are listed as such now, and `out` is empty again.
    bool join(int out, const std::string& what) {
        std::vector<audio::LegShape> shapes;
        shapes.reserve(audible_.size());
        for (const auto& each : audible_)
            shapes.push_back(each.shape);
        try {
            const auto format = audio::join(
                shapes, [&](std::size_t index) { return open_again(index); }, result_.manifest, out, what);
            for (const auto& leg : result_.manifest.legs)
                result_.length += std::chrono::duration<double>{static_cast<double>(leg.frames) / format.rate};
            return true;
        } catch (const audio::LegFaults& faults) {
            drop_unreadable(faults.faults());
        }
        if (::ftruncate(out, 0) != 0 || ::lseek(out, 0, SEEK_SET) < 0)
            throw system_error(Exit::cant_create, "cannot write " + what, errno);
        return false;
    }

    void drop_unreadable(const std::vector<audio::LegFaults::Fault>& faults) {
        result_.status = Exit::data;
        auto& legs = result_.manifest.legs;
        auto fault = faults.begin();
        std::size_t kept = 0;
        for (std::size_t index = 0; index < audible_.size(); ++index) {
            if (fault != faults.end() && fault->leg == index) {
                result_.faults.push_back(fault->why);
                result_.manifest.unreadable.push_back(std::move(legs[index].name));
                ++fault;
                continue;
            }
            if (kept != index) {
                legs[kept] = std::move(legs[index]);
                audible_[kept] = audible_[index];
            }
            ++kept;
        }
        legs.resize(kept);
        audible_.erase(audible_.begin() + static_cast<std::ptrdiff_t>(kept), audible_.end());
    }

    const ResolvedCall& call_;
    BuildResult result_;
    std::vector<AudibleLeg> audible_; ///< those of manifest.legs
    FileTime newest_{};               ///< modification time of the newest leg
};

} // namespace

bool other_nodes_are_done(const cdr::Call& call) {
    return current_second() - call.ended >= patience_for_other_nodes;
}

BuildResult build_recording(const ResolvedCall& call, Overlap overlap, int out, const std::string& what) {
    return Builder{call}.build(overlap, out, what);
}

} // namespace pbx::recording
