// Runs of pbx-record take turns.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/lock.hpp"

#include <optional>
#include <string>

namespace pbx::live {

/// Two commands at once take turns, also for different calls: one call's consultation may be another call.
class Turn {
  public:
    /// Waits for its turn. Throws Error: temporary when that takes longer than the deadline.
    Turn(const std::string& spool, const Deadline& deadline);

    void begin();
    void end() { lock_.reset(); }

  private:
    Folder spool_;
    Deadline deadline_;
    std::optional<RunLock> lock_;
};

} // namespace pbx::live
