// Every check lists what is allowed, never what is forbidden.
#include "dialplan/row_checks.hpp"

#include "dialplan/fault.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

namespace pbx::dialplan {

namespace {

constexpr std::string_view digits = "0-9";
constexpr std::string_view alphanumeric = "0-9A-Za-z";

// The name of a context has at most 79 bytes, of which "__incoming_sub" follows the prefix.
constexpr std::size_t longest_prefix = 60;
constexpr std::size_t longest_pattern = 70;
constexpr std::size_t longest_limit = 6;

// pjsip_<prefix>.conf would be one of Asterisk's own files.
constexpr std::array reserved_prefixes{"notify", "wizard"};

constexpr std::array strategies{"ringall",  "leastrecent", "fewestcalls", "random",
                                "rrmemory", "rrordered",   "linear",      "wrandom"};

template <typename Choices>
bool is_among(const std::string& text, const Choices& choices) {
    return std::find(choices.begin(), choices.end(), text) != choices.end();
}

void require_value(std::string_view text, const std::string& column) {
    if (const auto fault = value_fault(text); !fault.empty())
        throw Fault{column + ": " + std::string{fault}};
}

// An extension or the number of a queue. It begins with a digit, since Asterisk gives letters such as "h" and "i" a
// meaning of their own.
void require_extension(std::string_view text, const std::string& column) {
    require(consists_of(text, alphanumeric, longest_number) && consists_of(text.substr(0, 1), digits, 1),
            fmt::format("{} {} is not a digit followed by digits and letters, at most {}", column, in_quotes(text),
                        longest_number));
}

// A number to dial, of the characters on a phone's keys.
void require_dialable(std::string_view text, const std::string& column) {
    require(consists_of(text, "0-9*#+", longest_number),
            fmt::format("{} {} is not a number of at most {} digits", column, in_quotes(text), longest_number));
}

void require_destination(const std::string& type, const std::string& destination, const std::string& column) {
    if (type == "external")
        require_dialable(destination, column);
    else if (type == "extension" || type == "queue")
        require_extension(destination, column);
    else
        throw Fault{fmt::format("{} type {} is not extension, queue or external", column, in_quotes(type)),
                    "keep the number in a context of your own, [<prefix>__own_incoming] or [<prefix>__own]: see \"The "
                    "operator's own contexts\" in pbx-dialplan-gen(1)"};
}

void refuse_emergency(const std::string& number, const char* column, const Rules& rules) {
    require(!is_among(number, rules.emergency), fmt::format("{} {} is an emergency number", column, in_quotes(number)),
            "choose another number, or set \"emergency\" in pbx.conf to the emergency numbers of your country");
}

void require_host(std::string_view host) {
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const bool v6 = brackets && consists_of(host.substr(1, host.size() - 2), "0-9A-Fa-f:.", 45);
    const bool named = consists_of(host, "0-9A-Za-z.-", 253) && host.front() != '-' && host.front() != '.';
    require(v6 || named, fmt::format("host {} is not a host name or an address", in_quotes(host)));
}

std::string checked_pattern(const std::string& pattern) {
    static const std::regex shape{R"(_?\+?([0-9*#XZNxzn]|\[[0-9*#]([0-9*#-]*[0-9*#])?\])*[.!]?)"};
    require(pattern.size() <= longest_pattern && std::regex_match(pattern, shape) &&
                pattern.find_first_of("0123456789XZNxzn[*#") != std::string::npos,
            fmt::format("dial_pattern {} is not a pattern of digits, X, Z, N, [ranges] and a final . or !",
                        in_quotes(pattern)));
    if (pattern.front() != '_' && pattern.find_first_of("XZNxzn[.!") != std::string::npos)
        return '_' + pattern;
    return pattern;
}

} // namespace

void check_columns(const tenants::Organization& organization) {
    const auto& prefix = organization.context_prefix;
    require(can_be_prefix(prefix),
            fmt::format("context_prefix {} is not 1 to {} of a-z, 0-9 and _", in_quotes(prefix), longest_prefix));
    static const std::regex uuid{"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"};
    require(std::regex_match(organization.id, uuid), fmt::format("id {} is not a UUID", in_quotes(organization.id)));
    require(!is_among(prefix, reserved_prefixes),
            fmt::format("context_prefix {0} is reserved: pjsip_{0}.conf is one of Asterisk's own files", prefix),
            "give the organization another context_prefix");
}

bool can_be_prefix(std::string_view prefix) {
    return consists_of(prefix, "a-z0-9_", longest_prefix);
}

bool has_phone(const tenants::User& user) {
    return user.ring_target != "phone" || !user.sip_password.empty();
}

void check_columns(tenants::User& user, const Rules& rules) {
    require_extension(user.extension, "extension");
    refuse_emergency(user.extension, "extension", rules);
    require(user.ring_target == "ext" || user.ring_target == "phone",
            fmt::format("ring_target {} is neither ext nor phone", in_quotes(user.ring_target)));
    if (user.ring_target == "phone")
        require_dialable(user.phone_number, "phone_number");
    if (!has_phone(user))
        return;
    require(!user.sip_password.empty(), "sip_password is empty: anyone could register as this phone");
    require_value(user.sip_password, "sip_password");
    require_value(user.full_name, "full_name");
    require(user.full_name.size() <= longest_name, "full_name: it is longer than 79 bytes");
}

void check_columns(tenants::Trunk& trunk, const Rules& /*rules*/) {
    require_host(trunk.host);
    require(trunk.approved_at.has_value(),
            fmt::format("host {} has not been approved by an operator", in_quotes(trunk.host)),
            "pbx-provision trunk approve approves it");
    require(trunk.port >= 1 && trunk.port <= 65535, "port is not from 1 to 65535");
    require(trunk.transport == "udp" || trunk.transport == "tcp" || trunk.transport == "tls",
            fmt::format("transport {} is not udp, tcp or tls", in_quotes(trunk.transport)));
    if (trunk.trunk_type == "registration")
        trunk.trunk_type = "register";
    require(trunk.trunk_type == "peer" || trunk.trunk_type == "register",
            fmt::format("trunk_type {} is neither peer nor register", in_quotes(trunk.trunk_type)));
    if (!trunk.username.empty())
        require(consists_of(trunk.username, "0-9A-Za-z._+*#@~!=-", longest_name),
                "username may hold only letters, digits and . _ + * # @ ~ ! = -, and at most 79 of them");
    require_value(trunk.password, "password");
    if (trunk.trunk_type == "register")
        require(!trunk.username.empty() && !trunk.password.empty(),
                "a trunk that registers needs a username and a password");
}

void check_columns(tenants::Route& route, const Rules& /*rules*/) {
    constexpr int most_stripped = 32;
    route.dial_pattern = checked_pattern(route.dial_pattern);
    require(route.strip_digits >= 0 && route.strip_digits <= most_stripped, "strip_digits is not from 0 to 32");
    if (!route.prepend_digits.empty())
        require_dialable(route.prepend_digits, "prepend_digits");
    if (!route.caller_id_override.empty())
        require_dialable(route.caller_id_override, "caller_id_override");
}

void check_columns(tenants::Queue& queue, const Rules& rules) {
    require_extension(queue.number, "number");
    refuse_emergency(queue.number, "number", rules);
    require(is_among(queue.strategy, strategies),
            fmt::format("strategy {} is not one of Asterisk's strategies", in_quotes(queue.strategy)));
    require(queue.timeout >= 0 && queue.retry >= 0 && queue.max_wait_time >= 0, "a time is negative");
    if (queue.music_on_hold.empty())
        queue.music_on_hold = "default";
    require(consists_of(queue.music_on_hold, "0-9A-Za-z_.-", longest_name),
            fmt::format("music_on_hold {} may hold only letters, digits, dot, dash and underscore",
                        in_quotes(queue.music_on_hold)));
    if (queue.timeout_destination_type.empty() || queue.timeout_destination_type == "hangup") {
        queue.timeout_destination_type.clear();
        queue.timeout_destination.clear();
    } else {
        require_destination(queue.timeout_destination_type, queue.timeout_destination, "timeout_destination");
    }
}

std::string did_digits(const tenants::Did& did) {
    auto number = did.number.starts_with('+') ? did.number.substr(1) : did.number;
    require(consists_of(number, digits, longest_number),
            fmt::format("number {} is not a number of at most {} digits", in_quotes(did.number), longest_number));
    return number;
}

void check_columns(tenants::Did& did, const Rules& rules) {
    refuse_emergency(did_digits(did), "number", rules);
    require_destination(did.routing_type, did.routing_destination, "routing_destination");
}

std::string limit_fault(const std::string& limit) {
    if (limit.empty() || limit == "null" || (consists_of(limit, digits, longest_limit) && limit.front() != '0'))
        return {};
    return fmt::format("{} is not a whole number from 1 to 999999; calls are not limited", in_quotes(limit));
}

int limit_value(const std::string& limit) {
    return limit.empty() || limit == "null" || !limit_fault(limit).empty() ? 0 : std::stoi(limit);
}

} // namespace pbx::dialplan
