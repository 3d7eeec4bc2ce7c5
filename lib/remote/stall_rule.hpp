// When a transfer will not come to its end.
#pragma once

#include <chrono>
#include <cstdint>

namespace pbx {

/// rclone ends neither a transfer whose server is silent nor an upload that a server refuses again and again, whatever
/// its own time limits (docs/rclone.md).
class StallRule {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// How far a transfer is. The counts only grow.
    struct Reading {
        std::uint64_t objects = 0; ///< that have arrived
        std::int64_t moved = 0;    ///< bytes, in both directions
        std::int64_t sent = 0;     ///< bytes that the other side has acknowledged
        bool is_exact = true;      ///< false: bytes count as moved although they wait for the line
    };

    /// `uploading`: bytes of the objects that travel to the remote at once; 0 for a download.
    StallRule(Time begin, std::uint64_t uploading);

    /// Whether the transfer is to be ended: hardly a byte has moved for a minute, or the other side has taken three
    /// times what travels at once, and for half a minute no object has arrived.
    bool is_stalled(Time now, const Reading& reading);
    /// Begins the minute again.
    void moved_at(Time now) { moved_at_ = now; }

  private:
    std::int64_t uploading_;
    std::uint64_t objects_ = 0;
    std::int64_t moved_ = 0;
    std::int64_t sent_ = 0;
    Time moved_at_;
    Time arrived_at_;
};

} // namespace pbx
