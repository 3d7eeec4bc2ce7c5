// The answer that needs nothing of a recording but its header: the player's page.
#pragma once

#include "listening/http_answer.hpp"
#include "listening/player_page.hpp"
#include "listening/response.hpp"
#include "recording/answer.hpp"

namespace pbx::listening {

class PageAnswer : public recording::Answer {
  public:
    PageAnswer(AnswerWork work, Grant grant) : work_{work}, grant_{grant} {}

    void found(const cdr::Call& call) override;
    bool may_want_part() const override { return true; }
    recording::Part begin(const recording::AnswerHeaders& headers) override;
    void add(std::string_view data) override;
    void add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) override;
    void finish() override;
    void send_file(recording::AnswerHeaders headers, int file, const std::string& what) override;
    bool discard() override { return !work_.response.has_begun(); }

  private:
    AnswerWork work_;
    Grant grant_;
    PlayedCall played_;
};

} // namespace pbx::listening
