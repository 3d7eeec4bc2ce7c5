// From a call and its legs to one file; the same for the hourly run and for a rebuild on demand, byte for byte.
#include "recording/build.hpp"

#include "audio/join.hpp"
#include "base/lease.hpp"
#include "base/name.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>

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

// Legs sorted by what can be done with them.
struct Sorted {
    std::vector<audio::LegAudio> audible;
    std::vector<std::int64_t> written; ///< when each of them was last written, Unix nanoseconds
    std::int64_t newest = 0;
};

Sorted sort_legs(const cdr::Call& call, const LocalLegs& legs, const std::vector<std::string>& absent, Built& built) {
    // A name that is no UTF-8 is asked for nowhere else (LocalLegs::absent).
    const auto known_absent = [&](const std::string& name) {
        return !is_utf8(name) || std::find(absent.begin(), absent.end(), name) != absent.end();
    };
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
            struct stat status {};
            if (::fstat(file->get(), &status) != 0)
                throw system_error(Exit::io, "cannot look at leg " + name, errno);
            sorted.newest = std::max(sorted.newest, modified_at(status));
            // A file without a byte, as a full disk leaves one, holds no audio that could be unreadable.
            if (status.st_size == 0) {
                built.manifest.empty.push_back(name);
                continue;
            }
            audio::LegAudio leg{*std::move(file), "leg " + name};
            if (leg.truncated()) {
                built.status = Exit::data;
                built.faults.push_back("leg " + name + " is shorter than its header promises; what is there is used");
            }
            if (leg.frames() == 0) {
                built.manifest.empty.push_back(name);
                continue;
            }
            built.manifest.legs.push_back({name, 0, 0, 0});
            sorted.written.push_back(modified_at(status));
            sorted.audible.push_back(std::move(leg));
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
    for (std::size_t i = sorted.audible.size(); i-- > 0;) {
        auto& leg = sorted.audible[i];
        const auto rate = leg.format().rate;
        const auto began = sorted.written[i] - static_cast<std::int64_t>(leg.frames() * second / rate);
        const auto kept =
            static_cast<audio::Frames>(std::max<std::int64_t>(std::min(limit, sorted.written[i]) - began, 0));
        // Seconds apart, since frames times nanoseconds would overflow; rounded, so that a whole leg stays whole.
        leg.keep_first(kept / second * rate + (kept % second * rate + second / 2) / second);
        limit = std::min(limit, began);
    }
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

Standing examine(const cdr::Call& call, std::optional<audio::Manifest> manifest, std::int64_t modified,
                 const LocalLegs& legs, Overlap overlap) {
    const auto stale = [](std::string reason) { return Standing{false, true, std::move(reason), {}}; };
    if (!manifest)
        return stale("it has no manifest");
    if (manifest->linkedid != call.linkedid || manifest->accountcode != call.accountcode)
        return stale("it is another call's");
    if (manifest->trimmed != (overlap == Overlap::trim))
        return stale(manifest->trimmed ? "it was made with --overlap trim" : "it was made with --overlap keep");
    if (!manifest->lists(call.legs))
        return stale("its legs are not those of the CDR");
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
    return {true, true, {}, *std::move(manifest)};
}

Standing examine_file(const cdr::Call& call, const Folder& stitched, const LocalLegs& legs, Overlap overlap, Fd* keep) {
    try {
        const auto name = stitched_name(call);
        auto file = stitched.find(name);
        if (!file)
            return {false, false, "new", {}};
        struct stat status {};
        if (::fstat(file->get(), &status) != 0)
            throw system_error(Exit::io, "cannot look at " + stitched.path_of(name), errno);
        const auto header = audio::read_wav_header(file->get(), name);
        if (header.data_offset + header.data_size != static_cast<std::uint64_t>(status.st_size))
            return {false, true, "it is not whole", {}};
        auto standing = examine(call, audio::Manifest::from(header), modified_at(status), legs, overlap);
        if (standing.current && keep != nullptr)
            *keep = *std::move(file);
        return standing;
    } catch (const Error& error) {
        if (error.kind() != Exit::data)
            throw;
        return {false, true, error.what(), {}};
    }
}

Built build(const cdr::Call& call, const LocalLegs& legs, const std::vector<std::string>& absent, Overlap overlap,
            int out, const std::string& what) {
    const auto began = now();
    Built built;
    built.manifest.linkedid = call.linkedid;
    built.manifest.accountcode = call.accountcode;
    built.manifest.started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(call.started)));
    auto sorted = sort_legs(call, legs, absent, built);
    if (!built.being_written.empty() || !built.gone.empty())
        return built;
    built.manifest.trimmed = overlap == Overlap::trim;
    if (built.manifest.trimmed)
        trim(sorted);
    for (;;) {
        try {
            const auto format = audio::join(sorted.audible, built.manifest, out, what);
            for (const auto& leg : built.manifest.legs)
                built.length += std::chrono::duration<double>{static_cast<double>(leg.frames) / format.rate};
            break;
        } catch (const audio::LegFault& fault) {
            built.status = Exit::data;
            built.faults.emplace_back(fault.what());
            const auto at = static_cast<std::ptrdiff_t>(fault.leg());
            built.manifest.unreadable.push_back(built.manifest.legs[fault.leg()].name);
            built.manifest.legs.erase(built.manifest.legs.begin() + at);
            sorted.audible.erase(sorted.audible.begin() + at);
            if (::ftruncate(out, 0) != 0 || ::lseek(out, 0, SEEK_SET) < 0)
                throw system_error(Exit::cant_create, "cannot write " + what, errno);
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
