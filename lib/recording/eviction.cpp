// Oldest first, in passes over the folder: a disk may hold more recordings than the memory holds names.
#include "recording/eviction.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "base/trust.hpp"
#include "recording/damage.hpp"
#include "remote/query.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

namespace pbx::recording {

namespace {

constexpr std::size_t at_once = 256; // the names of one question to the remote
constexpr std::string_view header_suffix = ".evicted";

// Empty when the hidden name would be too long.
std::string header_name(const std::string& recording) {
    auto name = "." + recording + std::string{header_suffix};
    return name.size() <= 255 ? name : std::string{};
}

std::optional<struct stat> look_at_recording(const Folder& stitched, const std::string& name) {
    if (name.front() == '.' || !name.ends_with(".wav"))
        return std::nullopt;
    const auto found = stitched.look(name);
    return found && S_ISREG(found->st_mode) ? found : std::nullopt;
}

struct stat status_of(int fd, const std::string& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        throw system_error(Exit::io, "cannot look at " + path, errno);
    return status;
}

bool is_same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           modification_time(a) == modification_time(b);
}

} // namespace

std::uint64_t size_of_recordings(const Folder& stitched) {
    std::uint64_t bytes = 0;
    stitched.for_each_name([&](const std::string& name) {
        if (const auto found = look_at_recording(stitched, name))
            bytes += static_cast<std::uint64_t>(found->st_size);
    });
    return bytes;
}

std::uint64_t Eviction::run(const EvictionGoal& goal, const EvictionSteps& steps, const Deadline& deadline) const {
    std::uint64_t freed = 0;
    const auto may_stay = [&](const Candidate& each) {
        return each.modified >= goal.older_than && freed >= goal.bytes;
    };
    Candidate last;
    while (!deadline.passed()) {
        auto oldest = find_oldest(last);
        std::erase_if(oldest, may_stay);
        if (oldest.empty())
            break;
        last = oldest.back();
        for (const auto& candidate : confirmed(std::move(oldest), deadline)) {
            if (may_stay(candidate))
                break;
            if (!steps.dry_run && !remove(candidate))
                continue;
            steps.removed(candidate.name, candidate.size);
            freed += candidate.size;
        }
    }
    return freed;
}

// The oldest recordings behind `last`, in order.
std::vector<Eviction::Candidate> Eviction::find_oldest(const Candidate& last) const {
    const auto is_older = [](const Candidate& a, const Candidate& b) {
        return std::tie(a.modified, a.name) < std::tie(b.modified, b.name);
    };
    std::vector<Candidate> oldest;
    stitched_.for_each_name([&](const std::string& name) {
        const auto found = look_at_recording(stitched_, name);
        if (!found)
            return;
        Candidate candidate{modification_time(*found), static_cast<std::uint64_t>(found->st_size), name};
        if (candidate.modified == damaged_time || !is_older(last, candidate))
            return;
        oldest.push_back(std::move(candidate));
        std::push_heap(oldest.begin(), oldest.end(), is_older);
        if (oldest.size() > at_once) {
            std::pop_heap(oldest.begin(), oldest.end(), is_older);
            oldest.pop_back();
        }
    });
    std::sort_heap(oldest.begin(), oldest.end(), is_older);
    return oldest;
}

// Those of which the remote has just the same.
std::vector<Eviction::Candidate> Eviction::confirmed(std::vector<Candidate> candidates,
                                                     const Deadline& deadline) const {
    std::vector<std::string> names;
    names.reserve(candidates.size());
    for (const auto& candidate : candidates)
        names.push_back(candidate.name);
    const auto found = find_objects(remote_, Shelf::stitched, names, deadline);
    throw_first(found.failures);
    std::erase_if(candidates, [&](const Candidate& candidate) {
        const auto object = found.objects.find(candidate.name);
        return object == found.objects.end() || !is_confirmed(candidate, object->second);
    });
    return candidates;
}

// The file's mark has the MD5 with which it was archived. A file system without marks leaves the MD5 of the file, which
// says nothing about a remote that reports none.
bool Eviction::is_confirmed(const Candidate& candidate, const RemoteObject& object) const {
    const auto file = stitched_.find(candidate.name);
    if (!file || object.size != candidate.size)
        return false;
    const auto status = status_of(file->get(), stitched_.path_of(candidate.name));
    if (static_cast<std::uint64_t>(status.st_size) != candidate.size || modification_time(status) != candidate.modified)
        return false;
    const auto path = stitched_.path_of(candidate.name);
    const auto archived = mark_.is_set(path, status) ? mark_.earlier_copy(file->get()) : std::nullopt;
    if (object.md5.empty())
        return archived.has_value();
    return object.md5 == (archived ? archived->md5 : md5_of_file(file->get(), candidate.size, path));
}

bool Eviction::remove(const Candidate& candidate) const {
    const auto file = stitched_.find(candidate.name);
    if (!file)
        return false;
    const auto opened = status_of(file->get(), stitched_.path_of(candidate.name));
    const auto named = stitched_.look(candidate.name);
    // pbx-stitch may have replaced it. If it does so after this look, its new recording is built once more from its
    // legs, which are all still there.
    if (!named || !is_same_file(*named, opened) || modification_time(opened) != candidate.modified ||
        static_cast<std::uint64_t>(opened.st_size) != candidate.size)
        return false;
    stitched_.remove(candidate.name);
    keep_header(file->get(), candidate);
    return true;
}

// After the removal, which makes the room for it. Without it the next pbx-stitch builds the recording once more.
void Eviction::keep_header(int recording, const Candidate& candidate) const {
    const auto hidden = header_name(candidate.name);
    try {
        const auto header = audio::read_wav_header(recording, candidate.name);
        if (hidden.empty() || !audio::Manifest::from(header))
            return;
        stitched_.remove(hidden);
        const Fd out{
            ::openat(stitched_.fd(), hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640)};
        if (!out)
            throw system_error(Exit::cant_create, "cannot write " + stitched_.path_of(hidden), errno);
        stitched_.give_to_owner(out.get());
        copy_bytes(recording, 0, header.data_offset, out.get(), stitched_.path_of(hidden));
        const auto whole = std::chrono::floor<std::chrono::seconds>(candidate.modified);
        const timespec moment{whole.time_since_epoch().count(), (candidate.modified - whole).count()};
        const std::array<timespec, 2> times{moment, moment};
        if (::futimens(out.get(), times.data()) != 0)
            throw system_error(Exit::cant_create, "cannot set the time of " + stitched_.path_of(hidden), errno);
    } catch (const Error& error) {
        log::note("{}; the next pbx-stitch builds {} again", error.what(), candidate.name);
        stitched_.remove(hidden);
    }
}

Freshness check_evicted(const ResolvedCall& call, const LocalLegs& legs, const Folder& stitched, Overlap overlap) {
    const auto hidden = header_name(call.recording);
    if (hidden.empty())
        return {};
    try {
        const auto file = open_trusted(stitched, hidden);
        if (!file)
            return {};
        const auto status = status_of(file->get(), stitched.path_of(hidden));
        const auto header = audio::read_wav_header(file->get(), hidden);
        return check_freshness(call, legs, {header, header.data_offset + header.data_size, modification_time(status)},
                               overlap);
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        return {};
    }
}

void remove_old_header(const Folder& stitched, const std::string& hidden) {
    constexpr std::chrono::days kept{8}; // pbx-stitch looks back 25 hours, and seldom further
    if (!hidden.starts_with('.') || !hidden.ends_with(header_suffix))
        return;
    const auto found = stitched.look(hidden);
    const auto now = std::chrono::system_clock::now();
    if (found && now - std::chrono::system_clock::from_time_t(found->st_ctim.tv_sec) > kept)
        stitched.remove(hidden);
}

} // namespace pbx::recording
