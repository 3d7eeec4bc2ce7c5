// Streams an object of the archive into the answer, checked as it flows.
#pragma once

#include "audio/manifest.hpp"
#include "recording/fetch_tiers.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::recording {

/// How an object is served, and what its audio must be.
struct ServedObject {
    AnswerHeaders headers;
    std::uint64_t data_offset = 0; ///< where its audio begins
    audio::Manifest manifest;
    audio::WavHeader wav;
};

/// Decides from an object's first bytes (`is_all`: these are all of its bytes) how it is served. Nothing: more bytes
/// are needed. Throws when it must not be served.
using ObjectDecision = std::function<std::optional<ServedObject>(std::string_view beginning, bool is_all)>;

/// Where the answer may want only a part, just that part is read, besides the object's beginning, which `decide` needs
/// and which is kept in the cache. The part is compared with nothing, but the remote's own size and hash of the object
/// were compared with `expected` when the beginning was read.
///
/// Nothing is sent before `decide` has decided. The end of the object is sent only after the whole object has been
/// compared with its size, its hashes and its manifest, so a reader never gets a complete damaged object, and gets
/// nothing at all of a small one. Returns false when the object is definitely absent. Throws Error: no_input for an
/// empty object, data, unavailable, no_permission, and what `decide` throws.
bool send_object(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected,
                 const ObjectDecision& decide);

/// Reads an object that `decide` refused to its end, and throws Error (data) when it is not what was archived: then it
/// is damaged.
void require_undamaged(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected);

} // namespace pbx::recording
