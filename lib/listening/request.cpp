// Only one form of each URL is understood: the server has decoded the path once, and nothing decodes it again.
#include "listening/request.hpp"

#include "base/name.hpp"
#include "listening/percent.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <vector>

namespace pbx::listening {

namespace {

constexpr std::size_t longest_path = 1024;
constexpr std::size_t longest_query = 4096;
constexpr std::size_t longest_field = 1024;

// RFC 3875, section 4.1, and what Apache and others add.
bool describes_request(std::string_view name) {
    constexpr std::array<std::string_view, 12> names{
        "AUTH_TYPE",    "CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_URI",   "PATH_INFO",       "PATH_TRANSLATED",
        "QUERY_STRING", "REMOTE_IDENT",   "REQUEST_URI",  "REQUEST_METHOD", "SCRIPT_FILENAME", "UNENCODED_URL"};
    return name.starts_with("HTTP_") || name.starts_with("REDIRECT_") ||
           std::find(names.begin(), names.end(), name) != names.end();
}

// A field of this length is none of a browser's; without it the request is answered as a whole.
std::string field_of(const Variables& variables, std::string_view name) {
    const auto& value = value_of(variables, name);
    return value.size() <= longest_field ? value : std::string{};
}

// "%" and "\" are what is left of a path that was encoded twice or for another system.
bool is_call_name(std::string_view name) {
    return name_fault(name).empty() && is_utf8(name) && name.find_first_of("%\\") == std::string_view::npos;
}

void parse_path(std::string_view path, Request& request) {
    constexpr std::string_view calls = "/calls/";
    if (path.size() > longest_path)
        throw Refusal{400, "The path is too long."};
    if (!path.starts_with(calls))
        throw Refusal{404, "There is nothing at this path."};
    path.remove_prefix(calls.size());
    const auto call = path.substr(0, path.find('/'));
    const auto rest = path.substr(call.size());
    if (!is_call_name(call))
        throw Refusal{400, "The path does not name a call."};
    if (!rest.empty() && rest != "/recording" && rest != "/peaks")
        throw Refusal{404, "There is nothing at this path."};
    request.call = call;
    request.resource = rest.empty()       ? Request::Resource::page
                       : rest == "/peaks" ? Request::Resource::peaks
                                          : Request::Resource::recording;
}

void add_parameter(std::string_view text, std::map<std::string, std::string>& parameters) {
    const auto equals = text.find('=');
    auto name = percent_decoded(text.substr(0, equals));
    auto value = percent_decoded(equals == std::string_view::npos ? "" : text.substr(equals + 1));
    if (!name || !value || !is_utf8(*name) || !is_utf8(*value))
        throw Refusal{400, "The query is not encoded properly."};
    if (!parameters.emplace(*std::move(name), *std::move(value)).second)
        throw Refusal{400, "The query has a parameter twice."};
}

void parse_query(std::string_view query, Request& request) {
    if (query.size() > longest_query)
        throw Refusal{400, "The query is too long."};
    while (!query.empty()) {
        const auto text = query.substr(0, query.find('&'));
        if (!text.empty())
            add_parameter(text, request.parameters);
        query.remove_prefix(std::min(text.size() + 1, query.size()));
    }
}

} // namespace

Variables take_variables() {
    Variables variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        const auto name = text.substr(0, text.find('='));
        if (name.size() < text.size())
            variables.emplace(name, text.substr(name.size() + 1));
    }
    for (const auto& [name, value] : variables)
        if (describes_request(name))
            ::unsetenv(name.c_str());
    return variables;
}

const std::string& value_of(const Variables& variables, std::string_view name) {
    static const std::string none;
    const auto [first, last] = variables.equal_range(name);
    if (first == last)
        return none;
    if (std::next(first) != last)
        throw Refusal{400, "The request has a header field twice."};
    return first->second;
}

const std::string& Request::parameter(const std::string& name) const {
    static const std::string none;
    const auto found = parameters.find(name);
    return found == parameters.end() ? none : found->second;
}

Link Request::link() const {
    return {call,
            parameter("account"),
            parameter("leg"),
            parameter("expires"),
            parameter("may"),
            parameter("key"),
            parameter("signature"),
            parameter("name")};
}

Request parse_request(const Variables& variables) {
    Request request;
    parse_path(value_of(variables, "PATH_INFO"), request);
    parse_query(value_of(variables, "QUERY_STRING"), request);
    request.method = value_of(variables, "REQUEST_METHOD");
    request.range = field_of(variables, "HTTP_RANGE");
    request.if_range = field_of(variables, "HTTP_IF_RANGE");
    request.if_none_match = field_of(variables, "HTTP_IF_NONE_MATCH");
    request.if_modified_since = field_of(variables, "HTTP_IF_MODIFIED_SINCE");
    return request;
}

} // namespace pbx::listening
