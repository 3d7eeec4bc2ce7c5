// The same work on many things, on several cores.
#pragma once

#include <cstddef>
#include <functional>

namespace pbx {

/// Calls work(0) ... work(count - 1), each once, from up to `jobs` threads, and returns when all are done. After the
/// first exception no new call begins; it is rethrown here when the running calls have ended.
void parallel_for(std::size_t count, unsigned jobs, const std::function<void(std::size_t)>& work);

/// One worker per core.
unsigned default_jobs();

} // namespace pbx
