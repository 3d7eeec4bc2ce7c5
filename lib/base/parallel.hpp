// The same work on many things, on several cores.
#pragma once

#include <cstddef>
#include <functional>

namespace pbx {

/// Calls work(0) ... work(count - 1), each once, from up to `jobs` threads, and returns when all are done. The first
/// exception that a call lets out is thrown again here, after the others ended; no new call begins after it.
void parallel_for(std::size_t count, unsigned jobs, const std::function<void(std::size_t)>& work);

/// One worker a core.
unsigned default_jobs();

} // namespace pbx
