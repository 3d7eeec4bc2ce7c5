// The lock that keeps two runs of one tool apart.
#pragma once

#include "base/fd.hpp"
#include "base/folder.hpp"

#include <string>

namespace pbx {

/// Held by flock(2) on a hidden file, until destroyed or the process ends. Children that inherit `fd()` go on holding
/// it after a kill of their parent, so that nobody works beside an orphan.
class RunLock {
  public:
    /// Throws Error (temporary), naming the holder, when another run has it.
    RunLock(const Folder& folder, const std::string& name);

    int fd() const { return fd_.get(); }

  private:
    Fd fd_;
};

} // namespace pbx
