// From a call and its legs to one file; the same for the hourly run and for a rebuild on demand, byte for byte.
#include "recording/build.hpp"

#include "audio/join.hpp"
#include "base/lease.hpp"
#include "base/name.hpp"
#include "recording/damage.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>
#include <string_view>
#include <unordered_set>

namespace pbx::recording {

namespace {

constexpr std::int64_t second = 1'000'000'000;

std::int64_t modified_at(const struct stat& status) {
    return status.st_mtim.tv_sec * second + status.st_mtim.tv_nsec;
}

std::int64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * second + time.tv_nsec;
}

// A leg with audio, as it was when it was looked at. It is opened again when its turn comes, since a call may have more
// legs than a process may have descriptors.
struct Seen {
    audio::LegShape shape;
    dev_t device;
    ino_t inode;
    off_t size;
    std::int64_t written; ///< last, Unix nanoseconds
};

bool is_same(const Seen& seen, const struct stat& now) {
    return seen.device == now.st_dev && seen.inode == now.st_ino && seen.size == now.st_size &&
           seen.written == modified_at(now);
}

// A leg that is not any more what it was when it was looked at.
struct LegLeft {
    std::size_t leg;
    bool gone;
};

struct stat look_at(const Fd& file, const std::string& name) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        throw system_error(Exit::io, "cannot look at leg " + name, errno);
    return status;
}

// Legs sorted by what can be done with them.
struct Sorted {
    std::vector<Seen> audible; ///< those of manifest.legs
    std::int64_t newest = 0;
};

Sorted sort_legs(const cdr::Call& call, const LocalLegs& legs, const std::vector<std::string>& absent, Built& built) {
    const std::unordered_set<std::string_view> asked_for{absent.begin(), absent.end()};
    // A name that is no UTF-8 is asked for nowhere else (LocalLegs::absent).
    const auto known_absent = [&](const std::string& name) { return !is_utf8(name) || asked_for.contains(name); };
    Sorted sorted;
    for (const auto& name : call.legs) {
        try {
            auto file = legs.find(name);
            if (!file) {
                (known_absent(name) ? built.manifest.missing : built.gone).push_back(name);
                continue;
            }
            if (ReadLease{file->get()}.writer() == Writer::some) {
                built.being_written.push_back(name);
                continue;
            }
            const auto status = look_at(*file, name);
            sorted.newest = std::max(sorted.newest, modified_at(status));
            // A file without a byte, as a full disk leaves one, holds no audio that could be unreadable.
            if (status.st_size == 0) {
                built.manifest.empty.push_back(name);
                continue;
            }
            const audio::LegAudio leg{*std::move(file), "leg " + name};
            if (leg.truncated()) {
                built.status = Exit::data;
                built.faults.push_back("leg " + name + " is shorter than its header promises; what is there is used");
            }
            if (leg.frames() == 0) {
                built.manifest.empty.push_back(name);
                continue;
            }
            built.manifest.legs.push_back({name, 0, 0, 0});
            sorted.audible.push_back({leg.shape(), status.st_dev, status.st_ino, status.st_size, modified_at(status)});
        } catch (const Error& error) {
            if (error.kind() != Exit::data)
                throw;
            built.status = Exit::data;
            built.faults.emplace_back(error.what());
            built.manifest.unreadable.push_back(name);
        }
    }
    return sorted;
}

// Ends each leg where a later one begins.
void trim(Sorted& sorted) {
    auto limit = std::numeric_limits<std::int64_t>::max();
    for (auto leg = sorted.audible.rbegin(); leg != sorted.audible.rend(); ++leg) {
        auto& shape = leg->shape;
        const auto rate = shape.format.rate;
        const auto began = leg->written - static_cast<std::int64_t>(shape.frames * second / rate);
        const auto kept = static_cast<audio::Frames>(std::max<std::int64_t>(std::min(limit, leg->written) - began, 0));
        // Seconds apart, since frames times nanoseconds would overflow; rounded, so that a whole leg stays whole.
        shape.frames = std::min(shape.frames, kept / second * rate + (kept % second * rate + second / 2) / second);
        limit = std::min(limit, began);
    }
}

// The audio of manifest.legs[leg]. Throws LegLeft when it is not what was seen.
audio::LegAudio open_again(const LocalLegs& legs, const std::string& name, const Seen& seen, std::size_t leg) {
    auto file = legs.find(name);
    if (!file)
        throw LegLeft{leg, true};
    if (!is_same(seen, look_at(*file, name)))
        throw LegLeft{leg, false};
    audio::LegAudio audio{*std::move(file), "leg " + name};
    audio.keep_first(seen.shape.frames);
    return audio;
}

// Moves legs that turned out to be unreadable out of the manifest.
void drop(const std::vector<audio::LegFaults::Fault>& faults, Built& built, Sorted& sorted) {
    built.status = Exit::data;
    auto fault = faults.begin();
    std::size_t kept = 0;
    for (std::size_t leg = 0; leg < sorted.audible.size(); ++leg) {
        auto& entry = built.manifest.legs[leg];
        if (fault != faults.end() && fault->leg == leg) {
            built.faults.push_back(fault->why);
            built.manifest.unreadable.push_back(std::move(entry.name));
            ++fault;
            continue;
        }
        if (kept != leg) {
            built.manifest.legs[kept] = std::move(entry);
            sorted.audible[kept] = sorted.audible[leg];
        }
        ++kept;
    }
    built.manifest.legs.resize(kept);
    sorted.audible.resize(kept);
}

} // namespace

std::string stitched_name(const cdr::Call& call) {
    require_safe_name(call.linkedid, "linkedid");
    auto name = call.linkedid;
    if (call.shared && !call.accountcode.empty()) {
        require_safe_name(call.accountcode, "accountcode");
        name += "." + call.accountcode;
    }
    name += ".wav";
    require_safe_name(name, "file name");
    return name;
}

std::string shown(const cdr::Call& call) {
    return pbx::shown(call.linkedid) + (call.shared ? " of account \"" + pbx::shown(call.accountcode) + "\"" : "");
}

void require_own_leg(const cdr::Call& call, const std::string& name) {
    if (std::find(call.ambiguous.begin(), call.ambiguous.end(), name) == call.ambiguous.end())
        return;
    const auto leg = "leg " + pbx::shown(name);
    const auto* const hint =
        "pbx-archive audit lists ambiguous legs; the call's other legs can be fetched one by one with "
        "pbx-recording-fetch --leg N";
    if (call.accountcode.empty())
        throw Error{Exit::data, leg + " belongs to an account, and call " + shown(call) + " has none", hint};
    throw Error{Exit::data, leg + " is ambiguous: CDR rows of more than one account name it", hint};
}

void require_own_legs(const cdr::Call& call) {
    for (const auto& name : call.ambiguous)
        require_own_leg(call, name);
}

std::optional<Fd> LocalLegs::find(const std::string& name) const {
    require_safe_name(name, "leg");
    auto file = spool_.find(name);
    for (auto cache = caches_.begin(); !file && cache != caches_.end(); ++cache)
        file = cache->find(name);
    return file;
}

bool LocalLegs::has(const std::string& name) const {
    return name_fault(name).empty() &&
           (spool_.look(name) || std::any_of(caches_.begin(), caches_.end(),
                                             [&](const Folder& cache) { return cache.look(name).has_value(); }));
}

std::vector<std::string> LocalLegs::absent(const cdr::Call& call) const {
    std::vector<std::string> names;
    for (const auto& name : call.legs)
        if (name_fault(name).empty() && is_utf8(name) && !has(name))
            names.push_back(name);
    return names;
}

Standing examine(const cdr::Call& call, const audio::WavHeader& header, std::uint64_t size, std::int64_t modified,
                 const LocalLegs& legs, Overlap overlap) {
    const auto stale = [](std::string reason) { return Standing{false, true, false, std::move(reason), {}}; };
    if (header.data_offset + header.data_size != size)
        return stale("it is not whole");
    auto manifest = audio::Manifest::from(header);
    if (!manifest)
        return stale("it has no manifest");
    if (manifest->linkedid != call.linkedid || manifest->accountcode != call.accountcode)
        return stale("it is another call's");
    if (manifest->trimmed != (overlap == Overlap::trim))
        return stale(manifest->trimmed ? "it was made with --overlap trim" : "it was made with --overlap keep");
    if (!manifest->lists(call.legs))
        return stale("its legs are not those of the CDR");
    if (!manifest->fits(header))
        return stale("its manifest does not fit its audio");
    for (const auto& name : call.legs) {
        if (!name_fault(name).empty())
            continue;
        const auto leg = legs.spool().look(name);
        if (leg && modified_at(*leg) > modified)
            return stale(name + " is newer");
    }
    for (const auto& name : manifest->missing)
        if (legs.has(name))
            return stale(name + " was missing and is here now");
    return {true, true, false, {}, *std::move(manifest)};
}

Standing examine_file(const cdr::Call& call, const Folder& stitched, const LocalLegs& legs, Overlap overlap, Fd* keep) {
    try {
        const auto name = stitched_name(call);
        auto file = stitched.find(name);
        if (!file)
            return {false, false, false, "new", {}};
        struct stat status {};
        if (::fstat(file->get(), &status) != 0)
            throw system_error(Exit::io, "cannot look at " + stitched.path_of(name), errno);
        if (modified_at(status) == damaged_time)
            return {false, true, true, "its audio is damaged", {}};
        auto standing = examine(call, audio::read_wav_header(file->get(), name),
                                static_cast<std::uint64_t>(status.st_size), modified_at(status), legs, overlap);
        if (standing.current && keep != nullptr)
            *keep = *std::move(file);
        return standing;
    } catch (const Error& error) {
        if (error.kind() != Exit::data)
            throw;
        return {false, true, false, error.what(), {}};
    }
}

std::string leg_only_in(const Folder& stitched, const cdr::Call& call, const audio::Manifest& built) {
    const auto file = stitched.find(stitched_name(call));
    if (!file)
        return {};
    std::optional<audio::Manifest> there;
    try {
        there = audio::Manifest::from(audio::read_wav_header(file->get(), "the stitched recording"));
    } catch (const Error& error) {
        if (error.kind() != Exit::data)
            throw;
    }
    if (!there)
        return built.missing.empty() ? std::string{} : built.missing.front();
    if (there->linkedid != call.linkedid || there->accountcode != call.accountcode)
        return {};
    auto lacking = built.missing;
    lacking.insert(lacking.end(), built.unreadable.begin(), built.unreadable.end());
    return there->first_audible(lacking);
}

Built build(const cdr::Call& call, const LocalLegs& legs, const std::vector<std::string>& absent, Overlap overlap,
            int out, const std::string& what) {
    const auto began = now();
    Built built;
    built.manifest.linkedid = call.linkedid;
    built.manifest.accountcode = call.accountcode;
    built.manifest.started =
        fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(call.started)));
    auto sorted = sort_legs(call, legs, absent, built);
    if (!built.being_written.empty() || !built.gone.empty())
        return built;
    built.manifest.trimmed = overlap == Overlap::trim;
    if (built.manifest.trimmed)
        trim(sorted);
    const auto open = [&](std::size_t leg) {
        return open_again(legs, built.manifest.legs[leg].name, sorted.audible[leg], leg);
    };
    std::vector<audio::LegShape> shapes;
    for (bool joined = false; !joined;) {
        shapes.clear();
        for (const auto& seen : sorted.audible)
            shapes.push_back(seen.shape);
        try {
            const auto format = audio::join(shapes, open, built.manifest, out, what);
            for (const auto& leg : built.manifest.legs)
                built.length += std::chrono::duration<double>{static_cast<double>(leg.frames) / format.rate};
            joined = true;
        } catch (const audio::LegFaults& legs_at_fault) {
            drop(legs_at_fault.faults(), built, sorted);
            if (::ftruncate(out, 0) != 0 || ::lseek(out, 0, SEEK_SET) < 0)
                throw system_error(Exit::cant_create, "cannot write " + what, errno);
        } catch (const LegLeft& left) {
            (left.gone ? built.gone : built.being_written).push_back(built.manifest.legs[left.leg].name);
            return built;
        }
    }
    built.bytes = size_of(out, what);
    const auto modified = std::max(began, sorted.newest);
    const timespec time{modified / second, modified % second};
    const std::array<timespec, 2> times{time, time};
    if (::futimens(out, times.data()) != 0)
        throw system_error(Exit::cant_create, "cannot set the time of " + what, errno);
    return built;
}

} // namespace pbx::recording
