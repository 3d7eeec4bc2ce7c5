// What the database says of a tenant, as it says it: nothing here has been checked.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace pbx::dialplan {

/// A row's own word on recording. Only an explicit false disables: NULL and a missing key count as on.
using Recording = std::optional<bool>;

/// Since when a row has had its name, number or host, in microseconds since 1970: of two rows that want the same, the
/// older one keeps it. A row that is not in the database yet is newer than all.
using HeldSince = long long;
inline constexpr HeldSince not_stored = std::numeric_limits<HeldSince>::max();

struct User {
    std::string id;
    std::string extension;
    std::string full_name;
    std::string status;
    std::string sip_password;
    std::string asterisk_endpoint; ///< empty: <prefix>_<extension>
    std::string ring_target;       ///< "ext": the user's phone; "phone": phone_number, over an outbound route
    std::string phone_number;
    Recording recording_enabled;
    std::string username{};
    HeldSince held_since = not_stored;
};

struct Trunk {
    std::string id;
    std::string name;
    std::string host;
    int port = 5060;
    std::string transport;  ///< udp, tcp, tls
    std::string trunk_type; ///< "peer": known by its address; "register": we register with it
    std::string username;
    std::string password;
    std::string asterisk_peer_name; ///< empty: <prefix>__trunk_<name>
    std::string status;
    std::int64_t approved_at = 0; ///< when an operator approved its host, microseconds since 1970; 0: never
    HeldSince held_since = not_stored;
};

struct Route {
    std::string id;
    std::string name;
    std::string trunk_id;
    std::string dial_pattern;
    int strip_digits = 0;
    std::string prepend_digits;
    std::string caller_id_override;
    int priority = 0;
    std::string status;
    Recording recording_enabled;
};

struct Member {
    std::string user_id;
    int penalty = 0;
    bool paused = false;
};

struct Queue {
    std::string id;
    std::string number;
    std::string name;
    std::string asterisk_queue_name; ///< empty: <prefix>__<number>
    std::string strategy;
    int timeout = 0;
    int retry = 0;
    int max_wait_time = 0; ///< seconds; 0: for ever
    std::string music_on_hold;
    std::string timeout_destination;
    std::string timeout_destination_type; ///< extension, queue, external, or nothing
    std::string status;
    Recording recording_enabled;
    std::vector<Member> members;
    HeldSince held_since = not_stored;
};

struct Did {
    std::string id;
    std::string number;
    std::string routing_type; ///< extension, queue, external
    std::string routing_destination;
    std::string status;
    Recording recording_enabled;
    HeldSince held_since = not_stored;
};

struct Organization {
    std::string id; ///< also its accountcode
    std::string name;
    std::string context_prefix;
    std::string status;
    Recording recording_enabled; ///< settings.recording_enabled, the master of all its rows
    std::vector<User> users;
    std::vector<Trunk> trunks;
    std::vector<Route> routes;
    std::vector<Queue> queues;
    std::vector<Did> dids;
    std::string max_channels; ///< limits.max_channels as JSON; empty or null: no limit
    HeldSince held_since = not_stored;
};

} // namespace pbx::dialplan
