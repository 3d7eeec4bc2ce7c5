// What rclone logs with --use-json-log --stats while it transfers.
#pragma once

#include "remote/rclone.hpp"
#include "remote/rclone_output.hpp"
#include "remote/stall_rule.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pbx {

struct TransferStalled {};

/// Numbers go to the progress line and to the stall rule, the rest is kept as text.
class TransferLog {
  public:
    enum class Shown { no, yes };

    /// `shown`: whether the progress line shows the numbers.
    TransferLog(const TransferRun& transfer, Shown shown);

    /// `child` is the process that transfers.
    void watch(pid_t child) { child_ = child; }
    /// Our own reader has taken so many bytes from the child: until then it may have held up the transfer.
    void reader_took(std::size_t bytes);
    /// Throws TransferStalled.
    void add(std::string_view err);

    std::string text() && { return std::move(text_) + rest_; }

  private:
    void add_line(std::string_view line);
    void check(const rclone_output::TransferStats& stats);

    TransferRun transfer_;
    StallRule rule_;
    Shown shown_;
    pid_t child_ = -1;
    std::int64_t printed_ = 0; ///< bytes that the child has written to us
    StallRule::Time next_check_;
    std::string rest_;
    std::string text_;
};

} // namespace pbx
