// A run may be killed between the leg's commit and the removal of its halves: the leg's own record shows what it has.
#include "recording/weave_leg.hpp"

#include "audio/weave.hpp"
#include "base/lease.hpp"
#include "base/name.hpp"
#include "base/open_files.hpp"
#include "recording/local_legs.hpp"
#include "spool/paused_mark.hpp"
#include "spool/removal.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <thread>
#include <utility>

namespace pbx::recording {

namespace {

using audio::LegAudio;
using audio::WeaveRecord;
using spool::Half;
using spool::Side;
using namespace std::chrono_literals;

constexpr off_t shortest_header = 44; // of Asterisk's wav

// Without a lease: its own processes, and files that were written a moment ago, may be a recorder's.
bool has_writer(int fd, const struct stat& status) {
    const ReadLease lease{fd};
    if (lease.writer() != Writer::unknown)
        return lease.writer() == Writer::some;
    constexpr auto settled = 5min;
    return OpenFiles::now().written(status) || modification_time(status) > std::chrono::system_clock::now() - settled;
}

WeaveRecord::Source source_of(const Half& half) {
    return {half.name, half.status.st_ino, static_cast<std::uint64_t>(half.status.st_size),
            modification_time(half.status).time_since_epoch().count()};
}

bool has_source(const WeaveRecord& record, const WeaveRecord::Source& source) {
    return std::find(record.sources.begin(), record.sources.end(), source) != record.sources.end();
}

// Whether the record has an earlier state of this file, which was shorter; or of another one, whose inode it has now.
bool may_have_grown(const WeaveRecord& record, const WeaveRecord::Source& source) {
    return std::any_of(record.sources.begin(), record.sources.end(), [&](const WeaveRecord::Source& known) {
        return known.name == source.name && known.inode == source.inode && known.size < source.size;
    });
}

class LegWeaver {
  public:
    LegWeaver(const spool::HalvesFolder& halves, const Folder& target, std::string leg)
        : halves_{halves}, target_{target} {
        woven_.leg = std::move(leg);
    }

    std::optional<WovenLeg> weave() {
        require_safe_name(woven_.leg, "leg");
        const auto mode = find_mode();
        if (!mode)
            return std::nullopt;
        auto file = AtomicFile::try_begin(target_, woven_.leg, *mode);
        if (!file)
            throw WeaveLater{"another process is writing it at this moment"};
        woven_.file.emplace(*std::move(file));
        // Another process may have woven it since.
        if (!open_halves())
            return std::nullopt;
        look_for_earlier_leg();
        if (is_done_) {
            woven_.file.reset();
            target_.sync(); // the run that wrote it may have been killed before that
            return std::move(woven_);
        }
        write();
        return std::move(woven_);
    }

  private:
    std::string path_of(const std::string& name) const { return halves_.folder().path_of(name); }

    // That of a half, but for others' right to write. Nothing where there is no half.
    std::optional<mode_t> find_mode() const {
        const auto found = halves_.find_halves(woven_.leg);
        if (found.empty())
            return std::nullopt;
        return found.begin()->second.status.st_mode & 0644U;
    }

    // Opens what a recorder has closed. A recorder that starts again in the same files (an attended transfer) closes
    // them for a tenth of a second.
    bool open_halves() {
        constexpr auto settled = 1s;
        FileTime newest{};
        for (const auto& [side, half] : halves_.find_halves(woven_.leg))
            newest = std::max(newest, modification_time(half.status));
        if (const auto age = std::chrono::system_clock::now() - newest; age > 0s && age < settled)
            std::this_thread::sleep_for(settled - age);
        for (auto& [side, half] : halves_.find_halves(woven_.leg)) {
            auto fd = halves_.folder().find(half.name);
            if (!fd)
                throw WeaveLater{half.name + " is not there any more"};
            if (::fstat(fd->get(), &half.status) != 0)
                throw system_error(Exit::io, "cannot look at " + path_of(half.name), errno);
            if (has_writer(fd->get(), half.status))
                throw WeaveLater{"it is still being recorded"};
            if (spool::paused_until(fd->get()) > std::chrono::system_clock::now())
                throw WeaveLater{"its recording is paused"};
            sides_.push_back(side);
            woven_.halves.push_back({half, *std::move(fd)});
        }
        return !woven_.halves.empty();
    }

    // What the target has under the leg's name: nothing, this very leg, or what was recorded of it before a pause.
    void look_for_earlier_leg() {
        auto fd = target_.find(woven_.leg);
        if (!fd)
            return;
        LegAudio earlier{*std::move(fd), "leg " + woven_.leg};
        const auto record = WeaveRecord::from(earlier.info());
        if (!record)
            throw other_file();
        std::size_t known = 0;
        std::size_t grown = 0;
        for (const auto& each : woven_.halves) {
            known += has_source(*record, source_of(each.half)) ? 1 : 0;
            grown += may_have_grown(*record, source_of(each.half)) ? 1 : 0;
        }
        is_done_ = known == woven_.halves.size() && !earlier.truncated();
        if (known > 0 && !is_done_)
            throw other_file();
        may_have_grown_ = grown == woven_.halves.size() && record->sources.size() == grown;
        earlier_.emplace(std::move(earlier));
        earlier_record_ = *record;
    }

    // The leg begins with what it has, unless a recorder went on in the same files: then they have that too.
    void continue_earlier_leg() {
        if (!earlier_ || (may_have_grown_ && audio::begins_with(parts_, *earlier_)))
            return;
        record_.sources.insert(record_.sources.begin(), earlier_record_.sources.begin(), earlier_record_.sources.end());
        record_.cut = record_.cut || earlier_record_.cut;
        parts_.before = std::move(earlier_);
    }

    Error other_file() const {
        return {Exit::cant_create,
                fmt::format("leg {} is not woven: {} has another file of that name, which was not replaced", woven_.leg,
                            target_.path().native()),
                fmt::format("listen to both, and move that file away; the recording stays in {}",
                            halves_.folder().path().native())};
    }

    void remark(std::string text, Exit status = Exit::ok) {
        woven_.remarks.push_back(std::move(text));
        woven_.status = worst(woven_.status, status);
    }

    // The audio of a half; nothing when it has none or cannot be read.
    std::optional<LegAudio> read(const ReadHalf& each) {
        const auto& name = each.half.name;
        if (each.half.status.st_size < shortest_header)
            return std::nullopt; // the disk was full, or its recorder died at once
        LegAudio audio{Fd{::dup(each.fd.get())}, path_of(name)};
        if (audio.unfinished())
            remark(name + " was never finished, since its recorder died; its audio is used to its end");
        if (audio.truncated())
            remark(name + " is shorter than its header states; the audio that is there is used", Exit::data);
        record_.cut = record_.cut || audio.unfinished() || audio.truncated();
        if (audio.frames() == 0)
            return std::nullopt;
        if (!audio.shape().is_raw() || audio.format().channels != 1)
            throw Error{Exit::data, path_of(name) + " is not 16-bit PCM in one channel"};
        return audio;
    }

    void read_halves() {
        const bool is_whole = sides_.front() == Side::whole;
        parts_.sides.resize(is_whole ? 1 : 2);
        std::optional<Error> unreadable;
        std::vector<ReadHalf> readable;
        std::vector<Side> read_sides;
        for (std::size_t i = 0; i < sides_.size(); ++i) {
            auto& each = woven_.halves[i];
            try {
                parts_.sides[sides_[i] == Side::called ? 1 : 0] = read(each);
                record_.sources.push_back(source_of(each.half));
                readable.push_back(std::move(each));
                read_sides.push_back(sides_[i]);
            } catch (const Error& error) {
                if (error.status() != Exit::data)
                    throw;
                remark(std::string{error.what()} + "; it stays there", Exit::data);
                unreadable = error;
            }
        }
        if (readable.empty())
            throw Error{Exit::data, unreadable->what(), "find out which program wrote it, and move it away"};
        woven_.halves = std::move(readable);
        if (!is_whole)
            compare_sides(read_sides);
    }

    void compare_sides(const std::vector<Side>& read_sides) {
        for (const auto side : {Side::caller, Side::called})
            if (std::find(read_sides.begin(), read_sides.end(), side) == read_sides.end())
                remark(fmt::format("there is no recording of the {} side; its channel is silent", name_of(side)));
        if (read_sides.size() < 2)
            return;
        const auto frames = [&](std::size_t side) {
            return parts_.sides[side] ? parts_.sides[side]->frames() : audio::Frames{0};
        };
        const auto caller = frames(0);
        const auto called = frames(1);
        if (caller == called)
            return;
        const bool is_called_shorter = called < caller;
        remark(fmt::format("the {} side is {:.3f} s shorter, and ends with silence",
                           name_of(is_called_shorter ? Side::called : Side::caller),
                           static_cast<double>(is_called_shorter ? caller - called : called - caller) / rate()));
    }

    void write() {
        read_halves();
        continue_earlier_leg();
        const auto what = target_.path_of(woven_.leg);
        const auto frames = audio::weave(parts_, record_, woven_.file->fd(), what);
        FileTime closed{};
        for (const auto& each : woven_.halves)
            closed = std::max(closed, modification_time(each.half.status));
        set_modification_time(woven_.file->fd(), closed, what);
        woven_.bytes = size_of(woven_.file->fd(), what);
        woven_.length = std::chrono::duration<double>{static_cast<double>(frames) / rate()};
        woven_.file->start_writing_out();
    }

    double rate() const {
        for (const auto& side : parts_.sides)
            if (side)
                return side->format().rate;
        return audio::WavFormat{}.rate;
    }

    const spool::HalvesFolder& halves_;
    const Folder& target_;
    WovenLeg woven_;
    std::vector<Side> sides_; ///< those of woven_.halves
    audio::WeaveParts parts_;
    WeaveRecord record_;
    std::optional<LegAudio> earlier_;
    WeaveRecord earlier_record_;
    bool may_have_grown_ = false;
    bool is_done_ = false; ///< the leg has all of the halves
};

} // namespace

std::optional<WovenLeg> weave_leg(const spool::HalvesFolder& halves, const Folder& target, const std::string& leg) {
    return LegWeaver{halves, target, leg}.weave();
}

void remove_halves(const spool::HalvesFolder& halves, const WovenLeg& woven) {
    std::deque<ReadLease> leases;
    std::vector<spool::LeasedFile> files;
    for (const auto& each : woven.halves) {
        const auto& lease = leases.emplace_back(each.fd.get());
        const auto named = halves.folder().look(each.half.name);
        const bool is_free = lease.writer() == Writer::none ||
                             (lease.writer() == Writer::unknown && !OpenFiles::now().written(each.half.status));
        // A recorder that goes on needs all of them: one side would otherwise have its beginning twice.
        if (!named || !is_free || !is_same_file(*named, each.half.status))
            return;
        files.push_back({each.half.name, &lease});
    }
    if (spool::remove_unless_opened(halves.folder(), files))
        halves.folder().sync();
}

} // namespace pbx::recording
