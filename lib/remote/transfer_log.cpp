// rclone counts a byte as sent when it has read it from the file: the kernel knows better.
#include "remote/transfer_log.hpp"

#include "base/lines.hpp"
#include "base/process_traffic.hpp"
#include "base/progress.hpp"
#include "base/subprocess.hpp"

#include <utility>
#include <variant>

namespace pbx {

namespace {

using Clock = std::chrono::steady_clock;

} // namespace

TransferLog::TransferLog(const TransferRun& transfer, Shown shown)
    : transfer_{transfer}, rule_{Clock::now(), transfer.uploading}, shown_{shown}, next_check_{Clock::now()} {}

void TransferLog::reader_took(std::size_t bytes) {
    printed_ += static_cast<std::int64_t>(bytes);
    rule_.moved_at(Clock::now());
}

void TransferLog::add(std::string_view err) {
    printed_ += static_cast<std::int64_t>(err.size());
    rest_ += err;
    const auto complete = take_complete_lines(rest_);
    for (const auto line : Lines{complete})
        add_line(line);
    if (rest_.size() > rclone_output::longest_line)
        add_line(std::exchange(rest_, {}));
}

void TransferLog::add_line(std::string_view line) {
    const auto parsed = rclone_output::parse_log_line(line);
    if (const auto* text = std::get_if<std::string>(&parsed))
        return keep_tail(text_, *text);
    const auto& stats = std::get<rclone_output::TransferStats>(parsed);
    if (auto* progress = Progress::youngest(); progress != nullptr && shown_ == Shown::yes)
        progress->under_way(transfer_.objects_before + stats.objects, transfer_.bytes_before + stats.bytes,
                            stats.bytes_per_second);
    check(stats);
}

void TransferLog::check(const rclone_output::TransferStats& stats) {
    constexpr auto interval = std::chrono::seconds{2};
    const auto now = Clock::now();
    if (now < next_check_)
        return;
    next_check_ = now + interval;
    StallRule::Reading reading{stats.objects, static_cast<std::int64_t>(stats.bytes), 0, false};
    if (const auto traffic = traffic_of(child_)) {
        const auto sent = traffic->written - printed_;
        reading = {stats.objects, traffic->read + sent, sent, true};
    }
    if (rule_.is_stalled(now, reading))
        throw TransferStalled{};
}

} // namespace pbx
