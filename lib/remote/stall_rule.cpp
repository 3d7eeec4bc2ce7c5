#include "remote/stall_rule.hpp"

#include "remote/pace.hpp"

namespace pbx {

namespace {

using namespace std::chrono_literals;

constexpr auto longest_standstill = 60s;
constexpr std::int64_t standstill = 6'000; // bytes in that time: a server's replies alone are not a transfer
constexpr auto longest_without_object = 30s;
constexpr std::int64_t attempts = 3;

} // namespace

StallRule::StallRule(Time begin, std::uint64_t uploading)
    : uploading_{static_cast<std::int64_t>(uploading)}, moved_at_{begin}, arrived_at_{begin} {}

bool StallRule::is_stalled(Time now, const Reading& reading) {
    if (reading.objects != objects_) {
        objects_ = reading.objects;
        sent_ = reading.sent;
        moved_at_ = arrived_at_ = now;
    }
    if (reading.moved > moved_ + standstill) {
        moved_ = reading.moved;
        moved_at_ = now;
    }
    const auto patience =
        longest_standstill + std::chrono::seconds{reading.is_exact ? 0 : uploading_ / std::int64_t{slowest_line}};
    const bool is_refused = uploading_ > 0 && reading.sent - sent_ > attempts * uploading_;
    return now - moved_at_ > patience || (is_refused && now - arrived_at_ > longest_without_object);
}

} // namespace pbx
