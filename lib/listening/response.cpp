#include "listening/response.hpp"

#include "base/fd.hpp"
#include "listening/error_page.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace pbx::listening {

namespace {

constexpr std::array<std::pair<int, const char*>, 13> reasons{{{200, "OK"},
                                                               {206, "Partial Content"},
                                                               {304, "Not Modified"},
                                                               {400, "Bad Request"},
                                                               {403, "Forbidden"},
                                                               {404, "Not Found"},
                                                               {405, "Method Not Allowed"},
                                                               {409, "Conflict"},
                                                               {416, "Range Not Satisfiable"},
                                                               {500, "Internal Server Error"},
                                                               {502, "Bad Gateway"},
                                                               {503, "Service Unavailable"},
                                                               {504, "Gateway Timeout"}}};

const char* reason_of(int status) {
    const auto* found =
        std::find_if(reasons.begin(), reasons.end(), [&](const auto& each) { return each.first == status; });
    return found == reasons.end() ? "" : found->second;
}

} // namespace

void Response::begin(int status, const Fields& fields) {
    auto head = fmt::format("Status: {} {}\n", status, reason_of(status));
    for (const auto& field : fields)
        head += field + "\n";
    head += "X-Content-Type-Options: nosniff\nReferrer-Policy: no-referrer\n\n";
    has_begun_ = true;
    write_all(STDOUT_FILENO, head, "the response");
}

void Response::body(std::string_view data) const {
    if (has_body_)
        write_all(STDOUT_FILENO, data, "the response");
}

void Response::body(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) const {
    if (has_body_)
        copy_bytes(file, offset, length, STDOUT_FILENO, what);
}

void Response::send(int status, const std::string& content_type, std::string_view text, Fields fields) {
    fields.push_back("Content-Type: " + content_type);
    fields.push_back(fmt::format("Content-Length: {}", text.size()));
    begin(status, fields);
    body(text);
}

void Response::send_error(int status, const std::string& detail, Fields fields) {
    fields.emplace_back("Cache-Control: no-store");
    if (prefers_pages_) {
        const auto page = error_page(reason_of(status), detail);
        fields.push_back("Content-Security-Policy: " + page.policy);
        return send(status, "text/html; charset=utf-8", page.html, std::move(fields));
    }
    const nlohmann::ordered_json problem{{"title", reason_of(status)}, {"status", status}, {"detail", detail}};
    send(status, "application/problem+json", problem.dump() + "\n", std::move(fields));
}

} // namespace pbx::listening
