// Phones and trunks for chan_pjsip. Sections of different types share one name. None names a transport, so that each
// transport of the operator's pjsip.conf can be used.
#include "dialplan/render.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

namespace pbx::dialplan {

namespace {

// set_var of a phone: the targets of its transfers. It is not inherited, so that callers from outside have none.
// set_var of a trunk: its callers are from outside (dial_options in extensions.cpp).
// allow_transfer=no: nobody outside may send our phones elsewhere with a REFER, or take a call over with Replaces.
// direct_media=no: audio that does not pass through Asterisk cannot be recorded.
// dtmf_mode=auto: the keys of a side that does not offer RFC 4733 are recognised by their tones.
// message_context: a MESSAGE outside of a call would run the dialplan, on a channel of its own.
constexpr std::string_view phone = R"(
[~E]
type=endpoint
context=~P__internal
message_context=~P__message
disallow=all
allow=~D
auth=~E
aors=~E
callerid=~C
accountcode=~A
set_var=TRANSFER_CONTEXT=~P__transfer
direct_media=no
dtmf_mode=auto
rtp_symmetric=yes
rewrite_contact=yes

[~E]
type=auth
username=~E
password=~W

[~E]
type=aor
max_contacts=~N
remove_existing=yes
)";

// A trunk has no password, so Asterisk must not find it by what a caller writes into From. With identify_by=ip it is
// found by the addresses of its identify section or, without one, by the mark of its registration.
constexpr std::string_view trunk_endpoint = R"(
[~E]
type=endpoint
context=~P__incoming
message_context=~P__message
identify_by=ip
allow_subscribe=no
disallow=all
allow=~D
aors=~E
accountcode=~A
allow_transfer=no
set_var=__PBX_OUTSIDE=1
direct_media=no
dtmf_mode=auto
rtp_symmetric=yes
)";

constexpr std::string_view trunk_aor = R"(
[~E]
type=aor
contact=sip:~H
)";

constexpr std::string_view trunk_auth = R"(
[~E]
type=auth
username=~U
password=~W
)";

constexpr std::string_view trunk_identify = R"(
[~E]
type=identify
endpoint=~E
match=~M
)";

// line=yes: incoming calls are identified by a mark that the provider sends back, whatever their address.
constexpr std::string_view trunk_registration = R"(
[~E]
type=registration
outbound_auth=~E
server_uri=sip:~H
client_uri=sip:~U@~H
line=yes
endpoint=~E
)";

// The user part of a SIP URI may contain these characters only when they are escaped.
std::string uri_user(std::string_view text) {
    std::string result;
    for (const char c : text)
        if (c == '@' || c == '#')
            result += c == '@' ? "%40" : "%23";
        else
            result += c;
    return result;
}

void write_phone(std::string& text, const Plan& plan, const tenants::User& user) {
    const auto caller = user.full_name.empty() ? fmt::format("<{}>", user.extension)
                                               : fmt::format("{} <{}>", quoted_value(user.full_name), user.extension);
    text += fill(phone, {{'E', user.asterisk_endpoint},
                         {'P', plan.prefix()},
                         {'C', caller},
                         {'A', plan.accountcode()},
                         {'W', escaped_value(user.sip_password)},
                         {'D', plan.codecs},
                         {'N', std::to_string(plan.max_contacts)}});
}

void write_trunk(std::string& text, const Plan& plan, const tenants::Trunk& trunk) {
    const auto& name = trunk.asterisk_peer_name;
    const bool v6 = trunk.host.find(':') != std::string::npos && trunk.host.front() != '[';
    auto address = fmt::format("{}:{}", v6 ? '[' + trunk.host + ']' : trunk.host, trunk.port);
    if (trunk.transport != "udp")
        address += escaped_value(";transport=" + trunk.transport);
    text += fill(trunk_endpoint, {{'E', name}, {'P', plan.prefix()}, {'A', plan.accountcode()}, {'D', plan.codecs}});
    const bool authenticates = !trunk.username.empty() && !trunk.password.empty();
    if (authenticates)
        text += "outbound_auth=" + name + '\n';
    if (!trunk.username.empty())
        text += "from_user=" + uri_user(trunk.username) + '\n';
    text += fill(trunk_aor, {{'E', name}, {'H', address}});
    if (authenticates)
        text += fill(trunk_auth, {{'E', name}, {'U', trunk.username}, {'W', escaped_value(trunk.password)}});
    if (trunk.trunk_type == "register")
        text += fill(trunk_registration, {{'E', name}, {'U', uri_user(trunk.username)}, {'H', address}});
    else
        text += fill(trunk_identify, {{'E', name}, {'M', trunk.host}});
}

} // namespace

std::string pjsip_text(const Plan& plan) {
    auto text = first_line(plan);
    for (const auto& user : plan.organization.users)
        if (!user.asterisk_endpoint.empty())
            write_phone(text, plan, user);
    for (const auto& trunk : plan.organization.trunks)
        write_trunk(text, plan, trunk);
    return text;
}

std::string queues_text(const Plan& plan) {
    auto text = first_line(plan);
    for (const auto& queue : plan.organization.queues) {
        text += fmt::format("\n[{}]\nstrategy={}\ntimeout={}\nretry={}\nmusicclass={}\nringinuse=no\n",
                            queue.asterisk_queue_name, queue.strategy, queue.timeout, queue.retry, queue.music_on_hold);
        for (const auto& member : queue.members)
            if (const auto* user = plan.user_by_id(member.user_id)) {
                // With the state of the phone, Asterisk does not ring a busy agent again and again.
                const auto state = user->ring_target == "ext" ? "PJSIP/" + user->asterisk_endpoint : std::string{};
                text += fmt::format("member => Local/{}@{}__internal/n,{},{},{}{}\n", user->extension, plan.prefix(),
                                    member.penalty, user->extension, state, member.paused ? ",,,yes" : "");
            }
    }
    return text;
}

} // namespace pbx::dialplan
