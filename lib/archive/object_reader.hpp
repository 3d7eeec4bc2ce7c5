// Reads whole objects of the archive, and takes their facts.
#pragma once

#include "audio/file_facts.hpp"
#include "base/content.hpp"
#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/private_folder.hpp"
#include "recording/space_rules.hpp"
#include "remote/remote.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pbx::archive {

/// The shelf and the name of a path in the remote: NAME, or stitched/NAME.
std::pair<Shelf, std::string> shelf_and_name(const std::string& path);

/// What reading an object gave: facts, or a failure, or neither where it is definitely absent.
struct ReadObject {
    std::optional<audio::FileFacts> facts; ///< of a large object, without its audio
    std::optional<Error> failure;          ///< data: twice it did not arrive as the remote itself reports it
};

/// Objects arrive a few at a time in a folder of our own below $TMPDIR, as long as that leaves the reserve free; large
/// ones, or all of them on a full disk, are read through a pipe, one by one.
class ObjectReader {
  public:
    /// Throws Error (cant_create) when the folder cannot be made.
    ObjectReader(Remote& remote, const recording::SpaceRules& space);

    /// What so many objects may have together, so that they fit the disk.
    static constexpr std::uint64_t most_bytes = 64U << 20U;

    /// Reads the objects with these sizes, by path. The result has an entry for each. Throws Error when rclone or the
    /// folder cannot be used at all.
    std::map<std::string, ReadObject> read(const std::map<std::string, Content>& objects, const Deadline& deadline);

  private:
    using Results = std::map<std::string, ReadObject>;
    void read_files(Shelf shelf, const std::vector<std::string>& names, const Deadline& deadline, Results& results);
    void read_through_pipe(const std::string& path, const Content& expected, const Deadline& deadline,
                           Results& results);
    ReadObject take(const std::string& name) const;

    Remote& remote_;
    recording::SpaceRules space_;
    PrivateFolder folder_;
};

} // namespace pbx::archive
