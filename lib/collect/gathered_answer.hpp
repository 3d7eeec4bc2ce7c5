// Holds a recording until it is written among others.
#pragma once

#include "base/fd.hpp"
#include "recording/answer.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace pbx::collect {

class GatheredAnswer : public recording::Answer {
  public:
    bool may_want_part() const override { return false; }
    recording::Part begin(const recording::AnswerHeaders& headers) override;
    void add(std::string_view data) override;
    /// A whole file is kept open instead of being copied.
    void add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) override;
    void finish() override {}
    bool discard() override;

    const recording::AnswerHeaders& headers() const { return headers_; }
    /// The WAV file.
    Fd take() { return std::move(body_); }

  private:
    void begin_copy();

    recording::AnswerHeaders headers_;
    Fd body_;
    bool is_copy_ = false; ///< in a file of our own
};

} // namespace pbx::collect
