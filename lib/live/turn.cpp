#include "live/turn.hpp"

#include "base/error.hpp"

#include <chrono>
#include <thread>

namespace pbx::live {

using namespace std::chrono_literals;

Turn::Turn(const std::string& spool, const Deadline& deadline) : spool_{Folder::open(spool)}, deadline_{deadline} {
    begin();
}

void Turn::begin() {
    while (!lock_) {
        try {
            lock_.emplace(spool_, ".pbx-record.lock");
        } catch (const Error& error) {
            if (error.status() != Exit::temporary || deadline_.passed())
                throw;
            std::this_thread::sleep_for(50ms);
        }
    }
}

} // namespace pbx::live
