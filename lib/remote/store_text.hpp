// Small objects that this suite makes itself: the archive's marker, the probe.
#pragma once

#include "base/deadline.hpp"
#include "remote/remote.hpp"

#include <string>

namespace pbx {

/// Stores `text` under `name`, over what is there. `name` may be hidden. Throws Error: unavailable, no_permission,
/// cant_create.
void store_text(Remote& remote, Shelf shelf, const std::string& name, const std::string& text,
                const Deadline& deadline);

} // namespace pbx
