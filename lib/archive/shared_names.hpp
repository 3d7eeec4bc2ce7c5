// How two machines that give two legs one name keep both.
#pragma once

#include <chrono>

namespace pbx::archive {

// Two machines can give two legs the same name when the name has no node in it, as in older recordings. rclone cannot
// store an object only where none exists, so the later of two uploads replaces the earlier one. Both legs are kept
// because every machine follows this rule for every such leg:
//   - It asks the remote before it uploads, and never uploads over a leg of another machine. Its upload ends at most
//     30 s after it began to ask (upload_window, and two seconds until rclone is killed).
//   - When it has seen its own MD5 under the name, it waits 35 s (settling_time), asks again, and removes the leg from
//     the spool only if its own MD5 is still there.
// A machine that began to ask before the first of these two answers ended its upload before the second question; one
// that asks later sees our leg and does not upload. So nothing can replace what the second answer shows, and whatever
// was replaced before is still in the spool. The same holds when rclone removes an object because it found another MD5
// than it sent.
//
// A machine without a node name takes itself for the only one, and its uploads have no such limit: while it runs, the
// others upload nothing under such a name. It is refused as soon as another machine is known, and it asks for others
// after its upload: a machine that is not known by then has not asked the remote yet.
//
// The rule does not cover a machine that was suspended in the middle of it, a server that stores data seconds after its
// sender has gone, and other programs. Names with a node in them need none of this.
constexpr std::chrono::seconds upload_window{28};
constexpr std::chrono::seconds settling_time{35};

} // namespace pbx::archive
