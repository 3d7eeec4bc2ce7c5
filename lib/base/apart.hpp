// Work in a process of its own, so that a call that never returns costs only that work.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

namespace pbx {

/// A copy of this process that does one piece of work and ends. It may change its user or its environment. Create it
/// before the first thread starts. Its destructor kills it; so does the kernel when this process ends.
class Apart {
  public:
    /// Starts `work`; its result is at most a few kilobytes of text. Throws Error (temporary) when the system allows no
    /// more processes.
    explicit Apart(const std::function<std::string()>& work);
    Apart(Apart&& other) noexcept;
    Apart& operator=(Apart&&) = delete;
    Apart(const Apart&) = delete;
    Apart& operator=(const Apart&) = delete;
    ~Apart();

    /// The result; nothing when the work has not ended by `deadline`, or has ended without one.
    std::optional<std::string> result(const Deadline& deadline);

  private:
    pid_t pid_ = -1;
    Fd result_;
};

/// Lets the kernel kill this process when the one that started it ends. A change of user undoes that: call it again.
void end_with_parent();

} // namespace pbx
