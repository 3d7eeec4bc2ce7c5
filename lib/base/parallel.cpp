// Threads that take the next index until none is left.
#include "base/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace pbx {

void parallel_for(std::size_t count, unsigned jobs, const std::function<void(std::size_t)>& work) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr first;
    std::mutex guard;
    const auto run = [&] {
        for (std::size_t i = next++; i < count; i = next++) {
            try {
                work(i);
            } catch (...) {
                const std::lock_guard lock{guard};
                if (!first)
                    first = std::current_exception();
                next = count;
            }
        }
    };
    {
        std::vector<std::jthread> threads;
        const auto most = std::min<std::size_t>(count, std::max(jobs, 1U));
        try {
            for (std::size_t i = 1; i < most; ++i)
                threads.emplace_back(run);
        } catch (const std::system_error&) {
            // The system allows no more threads, so the existing ones do the work.
        }
        run();
    }
    if (first)
        std::rethrow_exception(first);
}

unsigned default_jobs() {
    return std::max(1U, std::thread::hardware_concurrency());
}

} // namespace pbx
