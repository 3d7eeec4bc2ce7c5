// libFuzzer: any request to pbx-recording-cgi: method, path, query and four header fields, one a line.
#include "base/name.hpp"
#include "listening/conditions.hpp"
#include "listening/html.hpp"
#include "listening/percent.hpp"
#include "listening/request.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace {

using namespace pbx::listening;

constexpr std::array names{"REQUEST_METHOD",     "PATH_INFO",     "QUERY_STRING",
                           "HTTP_RANGE",         "HTTP_IF_RANGE", "HTTP_IF_NONE_MATCH",
                           "HTTP_IF_MODIFIED_SINCE"};

void require(bool holds) {
    if (!holds)
        std::abort();
}

// A call can become neither a path nor another call, and what is decoded can be encoded again.
void check_request(const Request& request) {
    require(pbx::name_fault(request.call).empty() && pbx::is_utf8(request.call));
    require(percent_decoded(percent_encoded(request.call)) == request.call);
    for (const auto& [name, value] : request.parameters)
        require(name.find('\0') == std::string::npos && percent_decoded(percent_encoded(value)) == value);
    require(escaped(request.call).find('<') == std::string::npos);
}

void check_plan(const Request& request, std::uint64_t length) {
    const auto plan = plan_answer(request, {length, "\"tag\"", std::chrono::sys_seconds{std::chrono::seconds{784'111'777}}});
    require(plan.status == 200 || plan.status == 206 || plan.status == 304 || plan.status == 416);
    require(plan.part.length <= length && plan.part.offset <= length - plan.part.length);
    require(plan.status != 206 || plan.part.length > 0);
    require(plan.status != 200 || plan.part.length == length);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    Variables variables;
    for (const char* name : names) {
        const auto line = text.substr(0, text.find('\n'));
        variables.emplace(name, line);
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    try {
        const auto request = parse_request(variables);
        check_request(request);
        for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, ~std::uint64_t{0}})
            check_plan(request, length);
    } catch (const Refusal& refusal) {
        require(refusal.status() == 400 || refusal.status() == 404);
    }
    return 0;
}
