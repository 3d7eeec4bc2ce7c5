// Writes recordings under their final names, several at a time and synced together.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "collect/catalogue.hpp"
#include "collect/entry.hpp"
#include "recording/conversion.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pbx::collect {

/// A recording on its way into the folder.
struct Parcel {
    Entry entry;                  ///< all but size and SHA-256; after place() with the failure, if there was one
    Fd body;                      ///< the WAV file
    const Folder* from = nullptr; ///< where the body lies, synced, under `from_name`; null: it is copied
    std::string from_name{};
    std::string sha256{}; ///< of the body, where it is known
};

struct PlacingOptions {
    recording::Conversion conversion;
    unsigned jobs = 1;
};

/// Each file appears whole or not at all. A parcel that cannot be written gets the failure's status and message, and
/// keeps neither a file nor an older one's entry. Throws Error (cant_create) when nothing can be written at all.
void place(std::vector<Parcel>& parcels, const PlacingOptions& options, const Folder& folder, Catalogue& catalogue);

} // namespace pbx::collect
