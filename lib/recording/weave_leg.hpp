// One leg from its halves, which go only when the leg is on disk.
#pragma once

#include "base/atomic_file.hpp"
#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "spool/halves.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pbx::recording {

/// An open half, as it was when it was read.
struct ReadHalf {
    spool::Half half;
    Fd fd;
};

/// A leg that is written and waits for commit(), or was committed by an earlier run that did not remove the halves.
struct WovenLeg {
    std::string leg;
    std::optional<AtomicFile> file;   ///< nothing: the leg has everything already
    std::vector<ReadHalf> halves;     ///< that the leg has now
    std::vector<std::string> remarks; ///< what is not as it should be, one sentence each
    Exit status = Exit::ok;           ///< data when a half was unreadable; it stays
    std::chrono::duration<double> length{0};
    std::uint64_t bytes = 0; ///< of the leg
};

/// Why a leg cannot be woven now.
struct WeaveLater {
    std::string reason;
};

/// Weaves the leg's halves into `target`, which is the spool or another folder. The leg gets the time at which the last
/// half was closed. A leg of `target` that was woven before is continued: a recording that was paused goes on in new
/// halves. Returns nothing when there are no halves. Throws WeaveLater while a recorder or another process works on
/// them; Error: data when no half can be read, cant_create when `target` cannot be written or has another file of the
/// leg's name, no_permission, io.
std::optional<WovenLeg> weave_leg(const spool::HalvesFolder& halves, const Folder& target, const std::string& leg);

/// Removes the halves of a leg that is committed, unless a recorder has one of them again. Throws Error (cant_create).
void remove_halves(const spool::HalvesFolder& halves, const WovenLeg& woven);

} // namespace pbx::recording
