// What the archive stores: objects on two shelves, and which names they can have.
#pragma once

#include "base/error.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pbx {

/// What the remote itself reports about one object.
struct RemoteObject {
    std::uint64_t size = 0; ///< bytes
    std::string md5;        ///< lower-case hex; empty where the remote has none (composite objects, webdav)
    std::chrono::sys_seconds modified{}; ///< as rclone keeps it beside the object; the epoch where it is not known
};

/// Where in the remote: legs lie at its root, stitched recordings in "stitched/" below it.
enum class Shelf { legs, stitched };

/// Objects that an operation failed for, by name, so that the work can go on with the others.
using ObjectFailures = std::map<std::string, Error>;

/// Throws the first of `failures`, for callers that cannot go on without every object.
void throw_first(const ObjectFailures& failures);

/// Why the remote cannot store an object of this name; empty when it can. Beyond name_fault, it refuses names that are
/// not UTF-8, and names with the characters that rclone uses to encode others, since the object would get another name.
std::string_view remote_name_fault(std::string_view name);

/// Throws Error (data) "cannot <action> <name>: ..." when remote_name_fault refuses the name.
void require_remote_name(const std::string& name, std::string_view action);

} // namespace pbx
