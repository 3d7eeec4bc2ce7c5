// Oldest first, in passes over the folder: a disk may hold more recordings than the memory holds names.
#include "recording/eviction.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "recording/damage.hpp"
#include "recording/evicted_header.hpp"
#include "remote/query.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

namespace pbx::recording {

namespace {

constexpr std::size_t at_once = 256;         // the names of one question to the remote
constexpr std::size_t of_one_listing = 4096; // candidates that the memory holds

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
    remote_.require_archive(deadline);
    Candidate last;
    for (std::vector<Candidate> oldest; !deadline.passed();) {
        if (oldest.empty())
            oldest = find_oldest(last);
        std::erase_if(oldest, may_stay);
        if (oldest.empty())
            break;
        const auto end = oldest.begin() + static_cast<std::ptrdiff_t>(std::min(at_once, oldest.size()));
        std::vector<Candidate> asked{oldest.begin(), end};
        oldest.erase(oldest.begin(), end);
        last = asked.back();
        for (const auto& candidate : confirmed(std::move(asked), steps, deadline)) {
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
        if (oldest.size() > of_one_listing) {
            std::pop_heap(oldest.begin(), oldest.end(), is_older);
            oldest.pop_back();
        }
    });
    std::sort_heap(oldest.begin(), oldest.end(), is_older);
    return oldest;
}

// The candidates that the remote has with the same size and MD5.
std::vector<Eviction::Candidate> Eviction::confirmed(std::vector<Candidate> candidates, const EvictionSteps& steps,
                                                     const Deadline& deadline) const {
    std::vector<std::string> names;
    names.reserve(candidates.size());
    for (const auto& candidate : candidates)
        names.push_back(candidate.name);
    const auto found = find_objects(remote_, Shelf::stitched, names, deadline);
    if (found.failures.size() == names.size())
        throw_first(found.failures);
    std::erase_if(candidates, [&](const Candidate& candidate) {
        const auto object = found.objects.find(candidate.name);
        return object == found.objects.end() || !try_to_confirm(candidate, object->second, steps);
    });
    for (const auto& [name, error] : found.failures)
        steps.failed(name, error);
    // What was uploaded to a folder of this machine may still wait in its memory.
    if (!candidates.empty() && !steps.dry_run)
        remote_.sync(deadline);
    return candidates;
}

// One recording that cannot be read does not keep the others on the disk.
bool Eviction::try_to_confirm(const Candidate& candidate, const RemoteObject& object,
                              const EvictionSteps& steps) const {
    try {
        return is_confirmed(candidate, object);
    } catch (const Error& error) {
        steps.failed(candidate.name, error);
        return false;
    }
}

// Only a recording that has the mark: its facts are known, and a copy in a remote without hashes was read back. The
// mark of a recording that the remote has with more legs has the MD5 of that one.
bool Eviction::is_confirmed(const Candidate& candidate, const RemoteObject& object) const {
    const auto file = stitched_.find(candidate.name);
    if (!file || object.size != candidate.size)
        return false;
    const auto path = stitched_.path_of(candidate.name);
    const auto status = status_of(file->get(), path);
    if (static_cast<std::uint64_t>(status.st_size) != candidate.size ||
        modification_time(status) != candidate.modified || !mark_.is_set(path, status))
        return false;
    const auto archived = mark_.earlier_copy(file->get());
    const auto md5 = md5_of_file(file->get(), candidate.size, path);
    return archived && archived->md5 == md5 && (object.md5.empty() || object.md5 == md5);
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
    stitched_.remove(candidate.name); // first, since it makes the room for the header
    keep_evicted_header(stitched_, candidate.name, file->get(), candidate.modified);
    return true;
}

} // namespace pbx::recording
