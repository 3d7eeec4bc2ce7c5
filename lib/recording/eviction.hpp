// Removes stitched recordings from this disk that the archive has too.
#pragma once

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/folder.hpp"
#include "recording/local_legs.hpp"
#include "remote/remote.hpp"
#include "spool/archived_mark.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace pbx::recording {

/// What to remove: recordings from before `older_than`, and besides them the oldest until `bytes` are free.
struct EvictionGoal {
    FileTime older_than{};
    std::uint64_t bytes = 0;
};

/// What happens with each recording.
struct EvictionSteps {
    std::function<void(const std::string& name, std::uint64_t bytes)> removed;
    /// Stays, since it cannot be read, or the remote cannot be asked about it.
    std::function<void(const std::string& name, const Error& error)> failed;
    bool dry_run = false; ///< call `removed`, and remove nothing
};

/// A recording is removed only if it is marked as archived, and after the remote has reported an object of the same
/// size and MD5. Its header stays (evicted_header.hpp): with it the next pbx-stitch knows that nothing has to be built.
class Eviction {
  public:
    /// `remote_path` is the path of `remote`. All must outlive it.
    Eviction(const Folder& stitched, Remote& remote, const std::string& remote_path)
        : stitched_{stitched}, remote_{remote}, mark_{remote_path + " stitched"} {}

    /// Removes the oldest first, and returns how many bytes that freed. What the remote does not confirm stays. Throws
    /// Error when the remote does not answer or is not the archive, or the folder cannot be changed.
    std::uint64_t run(const EvictionGoal& goal, const EvictionSteps& steps, const Deadline& deadline) const;

  private:
    struct Candidate {
        FileTime modified{};
        std::uint64_t size = 0;
        std::string name;
    };

    std::vector<Candidate> find_oldest(const Candidate& last) const;
    std::vector<Candidate> confirmed(std::vector<Candidate> candidates, const EvictionSteps& steps,
                                     const Deadline& deadline) const;
    bool try_to_confirm(const Candidate& candidate, const RemoteObject& object, const EvictionSteps& steps) const;
    bool is_confirmed(const Candidate& candidate, const RemoteObject& object) const;
    bool remove(const Candidate& candidate) const;

    const Folder& stitched_;
    Remote& remote_;
    spool::ArchivedMark mark_;
};

/// Bytes of all stitched recordings in the folder.
std::uint64_t size_of_recordings(const Folder& stitched);

} // namespace pbx::recording
