// The archive: an rclone remote as functions that tell absent from forbidden from unavailable from corrupt.
#pragma once

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/folder.hpp"
#include "base/subprocess.hpp"
#include "remote/connection.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pbx {

/// What the remote itself says of one object.
struct RemoteObject {
    std::uint64_t size = 0;
    std::string md5;           ///< lower-case hex; empty where the remote has none (composite objects, webdav)
    std::int64_t modified = 0; ///< Unix time, as rclone keeps it beside the object
};

/// Where in the remote: legs lie at its root, stitched recordings below it.
enum class Shelf { legs, stitched };

/// Whether the remote's folder must be there already. A bucket always must; a folder (a disk, webdav, sftp) is made by
/// the first upload.
enum class RemoteRoot { must_exist, may_be_new };

/// Why the remote cannot take or give a file of this name, in words; empty when it can. Beyond name_fault: what is not
/// UTF-8 and the characters that rclone uses to rewrite others, since the object would get another name.
std::string_view remote_name_fault(std::string_view name);

class Remote {
  public:
    /// Names and what is wrong with each, for work that goes on with the others.
    using Failures = std::map<std::string, Error>;

    /// `path` is an rclone path; `rclone` the program. Children inherit `lock` (-1: none), so that a killed run's
    /// rclone still holds it. Nothing is run yet. Throws Error (config) for a path that rclone would take for an
    /// option, or whose own options cannot be read.
    Remote(const std::string& path, std::string rclone, int lock = -1, RemoteRoot root = RemoteRoot::must_exist);

    /// The objects under these names that exist; a name that is neither in the answer nor in `failures` is definitely
    /// absent (also the bucket or folder was seen). Few rclone runs, whatever the number of names. What cannot be said
    /// of a name goes to `failures`, or is thrown where that is null: unavailable when the remote does not answer or
    /// the bucket or folder is not there, or rclone's answer on the name makes no sense, no_permission when it is
    /// forbidden, data for a name that cannot be asked for.
    std::map<std::string, RemoteObject> look(Shelf shelf, const std::vector<std::string>& names,
                                             const Deadline& deadline, Failures* failures = nullptr) const;

    /// Brings these objects into `folder`: each appears there whole, synced and equal to the remote's own size and MD5,
    /// or not at all. Returns the names that are there now; those neither there nor in `failures` are definitely
    /// absent. Few rclone runs. Fails like look(), also with data for what arrived corrupted, cant_create for a full
    /// disk.
    std::set<std::string> fetch(Shelf shelf, const std::vector<std::string>& names, const Folder& folder,
                                const Deadline& deadline, Failures* failures = nullptr) const;

    /// Streams one object that look() has shown, and compares size and MD5 as it flows. Throws Error when what flowed
    /// is not that object: unavailable (cut), data (corrupt), no_permission. A sink that throws ends it.
    void stream(Shelf shelf, const std::string& name, const RemoteObject& object, const Sink& sink,
                const Deadline& deadline) const;

    /// The first `length` bytes of an object that look() has shown, or all of it when it is shorter.
    std::string head(Shelf shelf, const std::string& name, const RemoteObject& object, std::size_t length,
                     const Deadline& deadline) const;

    /// Copies files of `folder` to the remote, over what has their name there. What really arrived is for look() or
    /// read_back() to say; `failures` gets rclone's words on single files. Throws Error when rclone cannot run.
    void upload(const Folder& folder, Shelf shelf, const std::vector<std::string>& names, const Deadline& deadline,
                Failures& failures) const;

    /// MD5 of these objects as read back byte by byte: for remotes without hashes of their own. Few rclone runs. A name
    /// that could not be read is not in the answer.
    std::map<std::string, std::string> read_back(Shelf shelf, const std::vector<std::string>& names,
                                                 const Deadline& deadline) const;

    /// Calls `each` with all that lies in the remote, names relative to it ("stitched/x.wav"), in one listing, as it
    /// comes. What cannot be a leg or a stitched recording by its path is passed over. Throws Error when the listing
    /// did not come to its end.
    void list(const std::function<void(const std::string&, const RemoteObject&)>& each, const Deadline& deadline) const;

    /// Makes what was uploaded durable where the remote is a folder of this machine, which rclone writes unsynced.
    void sync(const Deadline& deadline) const;

    /// The path for messages: without the parameters of a connection string, which may hold passwords.
    const std::string& shown() const { return connection_.shown; }

  private:
    struct Kind;  ///< what sort of storage it is
    struct State; ///< what was learned so far
    class List;

    /// More than any answer of rclone's that does not grow with what was asked: 256 names with their hashes.
    static constexpr std::size_t enough = 1U << 20U;

    std::string below(std::string_view folder) const;
    std::string shelf_path(Shelf shelf) const;
    std::vector<std::string> common(std::vector<std::string> arguments) const;
    Finished run(const std::vector<std::string>& arguments, const Deadline& deadline, const std::vector<int>& inherited,
                 const Sink& sink = {}, const Sink& err = {}, std::size_t most_output = enough) const;
    Finished run_list(std::vector<std::string> arguments, const std::vector<std::string>& names,
                      const std::vector<std::string>& paths, const Deadline& deadline, const Sink& sink = {},
                      std::size_t most_output = enough) const;
    Finished transfer(std::vector<std::string> arguments, const std::vector<std::string>& names,
                      const std::vector<std::string>& paths, const Deadline& deadline,
                      std::vector<int> inherited) const;
    Error fault(const std::string& doing, const Finished& finished) const;
    Error fault(Exit kind, const std::string& doing, const std::string& why) const;
    const Kind& kind(const Deadline& deadline) const;
    std::size_t batch(std::size_t names, const Deadline& deadline) const;
    void require_root(const Deadline& deadline) const;

    Connection connection_;
    std::string rclone_;
    int lock_;
    RemoteRoot root_;
    std::shared_ptr<State> state_;
};

} // namespace pbx
