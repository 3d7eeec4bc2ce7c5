#include "listening/permission.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/name.hpp"

#include <algorithm>
#include <cctype>

namespace pbx::listening {

namespace {

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// A server that sets or removes X-Account lets a client's X_Account through, and several servers give both the same
// variable.
void require_one_spelling(const std::string& field) {
    if (!std::all_of(field.begin(), field.end(), is_letter_or_digit))
        throw Error{Exit::config,
                    "account-header \"" + shown(field) +
                        "\" has a character that is neither a letter nor a digit, so that a client can send the field "
                        "in another spelling",
                    "set account-header to a name such as Account, and let the web server set that field in every "
                    "request"};
}

// The variable of a header field: RFC 3875, section 4.1.18.
std::string variable_of(std::string field) {
    std::transform(field.begin(), field.end(), field.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return "HTTP_" + field;
}

Grant vouched_grant(const Variables& variables) {
    const auto may = value_of(variables, "PBX_MAY");
    if (may.empty() || may == "download")
        return Grant::download;
    if (may == "play")
        return Grant::play;
    throw Error{Exit::config, "PBX_MAY is neither play nor download", "correct the web server's configuration"};
}

// An empty account is none: a server that knows nobody may set the variable all the same.
std::optional<Permission> find_vouched(const Variables& variables, const PermissionSettings& settings) {
    auto account = value_of(variables, "PBX_ACCOUNT");
    if (account.empty() && !settings.account_header.empty())
        account = value_of(variables, variable_of(settings.account_header));
    if (account.empty())
        return std::nullopt;
    return Permission{std::move(account), vouched_grant(variables), {}};
}

std::optional<Permission> find_linked(const Request& request, const PermissionSettings& settings,
                                      std::chrono::sys_seconds now) {
    if (!request.has_link() || settings.key_file.empty())
        return std::nullopt;
    const auto link = request.link();
    const bool is_valid = is_valid_link(link, read_link_keys(settings.key_file), now);
    if (!is_valid || !request.has_known_method())
        return std::nullopt;
    return Permission{link.account, grant_of(link), link.key};
}

} // namespace

Refusal not_permitted() {
    return {403, "The link has expired or is not valid, or there is no permission to listen to this recording."};
}

void require_linked_leg(const std::optional<LinkedLeg>& linked, const cdr::Call& call) {
    if (!linked || call.legs.at(linked->number - 1) == linked->name)
        return;
    log::warn("call {}: not permitted: leg {} is not the one that the link is for", shown(call.linkedid),
              linked->number);
    throw not_permitted();
}

std::optional<Permission> find_permission(const Request& request, const Variables& variables,
                                          const PermissionSettings& settings, std::chrono::sys_seconds now) {
    require_one_spelling(settings.account_header);
    if (auto linked = find_linked(request, settings, now))
        return linked;
    auto vouched = find_vouched(variables, settings);
    const auto asked = request.parameters.find("account");
    const bool is_foreign = vouched && asked != request.parameters.end() && asked->second != vouched->account;
    return is_foreign ? std::nullopt : vouched;
}

} // namespace pbx::listening
