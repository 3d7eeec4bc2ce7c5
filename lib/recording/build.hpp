// Makes one call's stitched recording from its legs.
#pragma once

#include "audio/manifest.hpp"
#include "base/error.hpp"
#include "recording/overlap.hpp"
#include "recording/resolved_call.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace pbx::recording {

/// How long after a call's end a leg that nobody has may still be on its way from another node.
inline constexpr std::chrono::seconds patience_for_other_nodes = std::chrono::hours{1};

/// Whether the other nodes have had the time to archive their legs of this call.
bool other_nodes_are_done(const cdr::Call& call);

struct BuildResult {
    audio::Manifest manifest;
    std::chrono::duration<double> length{0};
    std::uint64_t bytes = 0;                ///< of the file
    Exit status = Exit::ok;                 ///< data when a leg was unreadable or shorter than its header states
    std::vector<std::string> faults;        ///< messages, one per leg
    std::vector<std::string> being_written; ///< legs that a recorder still has open; then nothing was written
    std::vector<std::string> gone; ///< legs that must be looked for again: they left for the archive, or came back
    ///< from it, meanwhile; then nothing was written
};

/// Joins the call's legs into the empty file `out`. Legs that were found elsewhere are listed as missing, so the
/// archive must have been asked for them; damaged ones are listed as unreadable. Sets the file's modification time to
/// when reading began, or to the newest leg's where that is later, so that a leg which changes from now on is newer.
/// Throws Error (cant_create, io, no_permission).
BuildResult build_recording(const ResolvedCall& call, Overlap overlap, int out, const std::string& what);

} // namespace pbx::recording
