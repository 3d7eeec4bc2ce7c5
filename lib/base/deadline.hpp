// The time by which a run must have ended, and the watchdog that enforces it.
#pragma once

#include "base/error.hpp"
#include "base/interrupt.hpp"

#include <chrono>

namespace pbx {

class Deadline {
  public:
    using Clock = std::chrono::steady_clock;

    static Deadline after(std::chrono::milliseconds span) { return Deadline{Clock::now() + span, false}; }
    /// The deadline of a whole run: it also passes when the run is interrupted.
    static Deadline of_run(std::chrono::milliseconds span) { return Deadline{Clock::now() + span, true}; }

    bool passed() const { return Clock::now() >= when_ || interrupted(); }
    bool interrupted() const { return of_run_ && interrupt::signal() != 0; }
    /// Time left, never negative.
    std::chrono::milliseconds left() const {
        if (interrupted())
            return std::chrono::milliseconds{0};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(when_ - Clock::now());
        return left.count() > 0 ? left : std::chrono::milliseconds{0};
    }
    /// Becomes readable (poll) when a signal makes this deadline pass; -1 when signals do not affect it.
    int interrupt_descriptor() const { return of_run_ ? interrupt::descriptor() : -1; }
    /// The earlier of this deadline and `span` from now.
    Deadline at_most(std::chrono::milliseconds span) const {
        const auto other = Clock::now() + span;
        return Deadline{other < when_ ? other : when_, of_run_};
    }

  private:
    Deadline(Clock::time_point when, bool of_run) : when_{when}, of_run_{of_run} {}
    Clock::time_point when_;
    bool of_run_;
};

/// Ends the process with a message shortly after `timeout`, whatever call it hangs in, for example to a database that
/// never answers or to a disk that does not return. The kernel then kills our children (subprocess.hpp) and releases
/// our locks, and the next run repairs what is left.
void arm_watchdog(std::chrono::seconds timeout);

/// The exit status with which the watchdog would end the process now.
Exit watchdog_status();

/// While it exists, names what the process waits for, and the exit status if that never comes. A nested one takes
/// precedence until it is destroyed. For the main thread only.
class WaitingFor {
  public:
    WaitingFor(const char* what, Exit status);
    ~WaitingFor();
    WaitingFor(const WaitingFor&) = delete;
    WaitingFor& operator=(const WaitingFor&) = delete;

  private:
    const char* outer_what_;
    int outer_status_;
};

} // namespace pbx
