// SIGINT, SIGTERM and SIGHUP: the run stops where it can, cleans up, and the process then ends by that signal.
#pragma once

#include <chrono>

namespace pbx::interrupt {

/// Handles the three signals; one that was ignored at the start (nohup) stays ignored. At the first signal the deadline
/// of the run passes (Deadline::of_run), and the process has three seconds to end; a second signal ends it at once.
/// Call it in the main thread, before other threads start.
void watch();

/// The first of the signals that arrived; 0 when there was none.
int signal();

/// Becomes readable (poll) at the first signal. -1 before watch().
int descriptor();

/// Throws Error (temporary) once a signal has arrived. For loops that may run long.
void check();

/// Sleeps for `span`, or until a signal arrives.
void sleep(std::chrono::milliseconds span);

/// Ends the process with the signal that arrived, so that a shell or cron sees it. Safe in a signal handler.
[[noreturn]] void end();

} // namespace pbx::interrupt
