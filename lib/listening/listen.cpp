#include "listening/listen.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "listening/derivations.hpp"
#include "listening/http_answer.hpp"
#include "listening/page_answer.hpp"
#include "recording/fetch.hpp"
#include "recording/resolved_call.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

namespace pbx::listening {

namespace {

using recording::Answer;

std::optional<std::size_t> parse_leg(const Request& request) {
    const auto& text = request.parameter("leg");
    if (text.empty())
        return std::nullopt;
    constexpr std::size_t most = 100'000;
    std::size_t leg = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, leg);
    if (failed != std::errc{} || rest != end || leg == 0 || leg > most)
        throw Refusal{400, "The parameter leg must be a number, 1 or higher."};
    return leg;
}

Permission require_permission(const ListenOptions& options, const Variables& variables, const Request& request) {
    auto permission = find_permission(request, variables, options.permission, current_second());
    const bool wants_file = request.parameters.contains("download");
    if (!permission || (wants_file && permission->grant != Grant::download)) {
        log::warn("call {}: not permitted", shown(request.call));
        throw not_permitted();
    }
    if (!request.has_known_method())
        throw Refusal{405, "Only GET and HEAD are allowed."};
    if (!permission->key.empty())
        log::note("call {}: link of key {}", shown(request.call), shown(permission->key));
    return *std::move(permission);
}

std::unique_ptr<Answer> make_answer(const AnswerWork& work, Grant grant) {
    const auto& request = work.request;
    if (request.resource == Request::Resource::page)
        return std::make_unique<PageAnswer>(work, grant);
    if (request.resource == Request::Resource::peaks)
        return std::make_unique<DerivedAnswer>(work, outline());
    const auto conversion = parse_conversion(request);
    if (conversion.changes())
        return std::make_unique<DerivedAnswer>(work, converted(conversion, request));
    return std::make_unique<RecordingAnswer>(work, disposition_of(conversion, request));
}

Exit serve(const ListenOptions& options, const Variables& variables, const Request& request, Response& response) {
    const auto permission = require_permission(options, variables, request);
    recording::FetchOptions wanted;
    wanted.places = options.places;
    wanted.database = options.database;
    wanted.call = request.call;
    wanted.account = permission.account;
    wanted.leg = parse_leg(request);
    wanted.overlap = options.overlap;
    wanted.timeout = options.timeout;
    const auto deadline = Deadline::of_run(options.timeout);
    recording::DerivedCache cache{options.cache, options.places.spool, options.places.space};
    wanted.cache = &cache;
    std::optional<LinkedLeg> linked;
    if (wanted.leg && !permission.key.empty())
        linked = LinkedLeg{*wanted.leg, request.link().name};
    const auto answer = make_answer({request, response, cache, deadline, linked}, permission.grant);
    recording::fetch(wanted, *answer);
    return Exit::ok;
}

struct Failure {
    int status;
    const char* detail;
};

Failure failure_of(const Error& error) {
    switch (error.status()) {
    case Exit::no_input:
        return {404, "There is no such recording."};
    case Exit::data:
    case Exit::no_permission:
        return {502, "The recording cannot be read where it is stored."};
    case Exit::unavailable:
    case Exit::temporary:
    case Exit::io:
    case Exit::cant_create:
        return {503, "The recording is not available at the moment. Try again later."};
    default:
        return {500, "The recording cannot be served because of an error in the server's configuration."};
    }
}

// Throws the error when a part of the recording has already been sent: the body then ends too early, which the client
// sees from its length.
Exit report(const Error& error, Response& response, bool is_late) {
    if (response.has_begun())
        throw Error{error};
    auto failure = failure_of(error);
    if (failure.status == 503 && is_late)
        failure = {504, "The recording was not ready before the deadline."};
    Fields fields;
    if (failure.status == 503)
        fields.emplace_back("Retry-After: 60");
    if (failure.status >= 500)
        log::error(error);
    response.send_error(failure.status, failure.detail, std::move(fields));
    return failure.status >= 500 ? error.status() : Exit::ok;
}

Exit refuse(const Refusal& refusal, Response& response) {
    Fields fields;
    if (refusal.status() == 405)
        fields.emplace_back("Allow: GET, HEAD");
    response.send_error(refusal.status(), refusal.what(), std::move(fields));
    return Exit::ok;
}

// Apache's mod_cgid connects a program by one socket for both directions: bytes that are left unread reset it, and the
// response is lost.
void ignore_body(const Variables& variables) {
    const auto given = variables.find("CONTENT_LENGTH");
    if (given == variables.end())
        return;
    std::size_t left = 0;
    const auto& text = given->second;
    std::from_chars(text.data(), text.data() + text.size(), left);
    constexpr std::size_t most = 1U << 20U;
    left = std::min(left, most);
    const auto patience = Deadline::after(std::chrono::seconds{2});
    std::array<char, 1U << 14U> buffer{};
    while (left > 0) {
        pollfd ready{STDIN_FILENO, POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(patience.left().count())) <= 0)
            return;
        const auto got = ::read(STDIN_FILENO, buffer.data(), std::min(left, buffer.size()));
        if (got <= 0)
            return;
        left -= static_cast<std::size_t>(got);
    }
}

// Knows from the method and the path how errors are reported.
Request read_request(const Variables& variables, Response& response) {
    if (const auto method = variables.find("REQUEST_METHOD"); method != variables.end() && method->second == "HEAD")
        response.omit_body();
    auto request = parse_request(variables);
    if (request.resource == Request::Resource::page)
        response.prefer_pages();
    return request;
}

} // namespace

Exit listen(const ListenOptions& options, const Variables& variables) {
    // lighttpd sends it when the client has gone, and also when the client has the whole response: nothing to report.
    static_cast<void>(::signal(SIGTERM, SIG_DFL));
    Response response;
    const auto deadline = Deadline::of_run(options.timeout);
    ignore_body(variables);
    try {
        return serve(options, variables, read_request(variables, response), response);
    } catch (const ReaderGone&) {
        return Exit::ok;
    } catch (const Refusal& refusal) {
        return refuse(refusal, response);
    } catch (const recording::AmbiguousLeg& error) {
        log::warn("{}", error.what());
        return refuse({409, "Audio of this call could belong to more than one account, so it is served to none."},
                      response);
    } catch (const std::exception& exception) {
        return report(as_error(exception), response, deadline.passed());
    }
}

Exit report_bad_configuration(const Error& error) {
    Response response;
    return report(error, response, false);
}

} // namespace pbx::listening
