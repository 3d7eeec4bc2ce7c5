// The lock that prevents two simultaneous runs of one tool.
#pragma once

#include "base/fd.hpp"
#include "base/folder.hpp"

#include <string>

namespace pbx {

/// A flock(2) on a hidden file, held until this object or the process ends. Children that inherit `fd()` keep the lock
/// after their parent is killed, so that no new run works beside an orphan.
class RunLock {
  public:
    /// Throws Error (temporary), naming the holder, when another run holds it.
    RunLock(const Folder& folder, const std::string& name);

    int fd() const { return fd_.get(); }

  private:
    Fd fd_;
};

} // namespace pbx
