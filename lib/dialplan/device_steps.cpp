// Dial(PJSIP/<endpoint>) calls only one of the devices that are registered as a phone. PJSIP_DIAL_CONTACTS() returns
// all of them, but with their URIs as they are, which a phone chooses: an & in one adds a destination of any
// organization, and a comma or bracket changes the options, without which nothing is recorded. So only URIs without
// such characters are called. Asterisk's behaviour was measured: docs/asterisk.md.
#include "dialplan/device_steps.hpp"

namespace pbx::dialplan {

namespace {

// A URI is first read by the names of variables only. In the text of a function, its closing parenthesis and colon
// would be taken for the end of the function and an offset, so that LEN and FILTER would see only a part of it.
//
// plain: the URI without the pair of brackets of an IPv6 address.
//
// 3000: Asterisk cuts off the text of a function at 4,096 bytes. An expression that fails is false, and no URI passes.
constexpr std::string_view steps =
    R"(; devices(endpoint,prefix,point): does what "calling" does, and returns the destinations for Dial(): the devices that are
; registered as a phone
exten => devices,1,Gosub(pbx-recorder,calling,1(${ARG2},${ARG3}))
 same => n,Set(LOCAL(contacts)=${PJSIP_AOR(${ARG1},contact)})
 same => n,Set(LOCAL(list)=)
 same => n,Set(LOCAL(number)=0)
 same => n(next),Set(LOCAL(number)=$[${number}+1])
 same => n,Set(LOCAL(contact)=${CUT(contacts,\,,${number})})
 same => n,GotoIf($["x${contact}"="x"]?done)
 same => n,Set(LOCAL(uri)=${PJSIP_CONTACT(${contact},uri)})
 same => n,Set(LOCAL(rest)=${CUT(uri,\[,2-)})
 same => n,Set(LOCAL(plain)=${CUT(uri,\[,1)}${CUT(rest,],1)}${CUT(rest,],2-)})
 same => n,GotoIf($[${FIELDQTY(plain,))}=1]?:next)
 same => n,Set(LOCAL(size)=${LEN(${uri})})
 same => n,Set(LOCAL(brackets)=$[${size}-${LEN(${plain})}])
 same => n,GotoIf($[${brackets}=0 | ${brackets}=2]?:next)
 same => n,GotoIf($[${LEN(${plain})}=${LEN(${FILTER(0-9A-Za-z-.:\;=@_~+%*!/,${plain})})}]?:next)
 same => n,GotoIf($[${size}>0 & ${size}+${LEN(${list})}<3000]?:next)
 same => n,Set(LOCAL(list)=${list}&PJSIP/${ARG1}/${uri})
 same => n,Goto(next)
 same => n(done),GotoIf($[${LEN(${list})}=0]?none)
 same => n,Return(${list:1})
 same => n(none),Return(PJSIP/${ARG1})
)";

} // namespace

std::string_view device_steps() {
    return steps;
}

} // namespace pbx::dialplan
