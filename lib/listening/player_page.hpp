// The page with a player: GET /calls/CALL.
#pragma once

#include "cdr/legs.hpp"
#include "listening/html.hpp"
#include "listening/link.hpp"
#include "listening/request.hpp"
#include "recording/answer.hpp"

namespace pbx::listening {

/// What the page shows.
struct PlayedCall {
    cdr::Call call;
    recording::AnswerHeaders recording;
};

Page player_page(const Request& request, Grant grant, const PlayedCall& played);

} // namespace pbx::listening
