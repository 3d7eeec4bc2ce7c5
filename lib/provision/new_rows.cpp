#include "provision/new_rows.hpp"

#include "base/error.hpp"
#include "base/printable.hpp"
#include "base/random.hpp"
#include "dialplan/password.hpp"
#include "provision/provisioner.hpp"
#include "provision/secret.hpp"

#include <fmt/format.h>

namespace pbx::provision {

namespace {

template <typename Row>
Row active() {
    Row row;
    row.status = "active";
    return row;
}

} // namespace

template <>
tenants::Organization new_row() {
    auto row = active<tenants::Organization>();
    row.recording_enabled = true;
    return row;
}

template <>
tenants::User new_row() {
    auto row = active<tenants::User>();
    row.recording_enabled = true;
    return row;
}

template <>
tenants::Did new_row() {
    auto row = active<tenants::Did>();
    row.recording_enabled = true;
    return row;
}

template <>
tenants::Queue new_row() {
    auto row = active<tenants::Queue>();
    row.strategy = "ringall";
    row.timeout = 15;
    row.retry = 5;
    row.max_wait_time = 300;
    row.music_on_hold = "default";
    row.recording_enabled = true;
    return row;
}

template <>
tenants::Route new_row() {
    auto row = active<tenants::Route>();
    row.dial_pattern = "_X.";
    row.priority = 100;
    row.recording_enabled = true;
    return row;
}

template <>
tenants::Trunk new_row() {
    auto row = active<tenants::Trunk>();
    row.transport = "udp";
    row.trunk_type = "peer";
    row.approved_at = just_approved; // by the operator who adds it
    return row;
}

void complete_user(tenants::User& user, const tenants::Organization& owner) {
    if (user.ring_target.empty())
        user.ring_target = user.phone_number.empty() ? "ext" : "phone";
    if (user.sip_password.empty() && user.ring_target == "ext")
        user.sip_password = make_password();
    if (user.username.empty())
        user.username = user.extension;
    require_strong_password(user, owner);
}

void require_strong_password(const tenants::User& user, const tenants::Organization& owner) {
    const auto endpoint =
        user.asterisk_endpoint.empty() ? owner.context_prefix + "_" + user.extension : user.asterisk_endpoint;
    if (const auto fault = dialplan::password_fault(user, endpoint); !fault.empty() && !user.sip_password.empty())
        throw Error{Exit::usage, fmt::format("the password of user {} {}", printable(user.extension), fault),
                    "give another one; a new user without a password gets a random one"};
}

std::string make_id() {
    constexpr const char* digits = "0123456789abcdef";
    return random_text(digits, 8) + "-" + random_text(digits, 4) + "-4" + random_text(digits, 3) + "-" +
           random_text("89ab", 1) + random_text(digits, 3) + "-" + random_text(digits, 12);
}

} // namespace pbx::provision
