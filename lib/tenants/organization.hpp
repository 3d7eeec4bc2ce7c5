// The rows of a tenant exactly as the database holds them: nothing here has been checked.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pbx::tenants {

/// The column recording_enabled of a row. Only an explicit false disables recording: NULL and a missing key count as
/// on.
using RecordingFlag = std::optional<bool>;

/// A timestamptz of PostgreSQL, in its own resolution.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// The age of a row that is not in the database yet: newer than all that are. `held_since` is the time since which a
/// row has had its name, number or host; of two rows that want the same, the one that has held it longer keeps it.
inline constexpr Timestamp not_stored = Timestamp::max();

struct User {
    std::string id;
    std::string extension;
    std::string full_name;
    std::string status;
    std::string sip_password;
    std::string asterisk_endpoint; ///< empty: <prefix>_<extension>
    std::string ring_target;       ///< "ext": the user's phone; "phone": phone_number, over an outbound route
    std::string phone_number;
    RecordingFlag recording_enabled;
    std::string username{};
    Timestamp held_since = not_stored;
};

struct Trunk {
    std::string id;
    std::string name;
    std::string host;
    int port = 5060;
    std::string transport;  ///< udp, tcp, tls
    std::string trunk_type; ///< "peer": identified by its address; "register": we register with it
    std::string username;
    std::string password;
    std::string asterisk_peer_name; ///< empty: <prefix>__trunk_<name>
    std::string status;
    std::optional<Timestamp> approved_at{}; ///< when an operator approved its host; nothing: never
    Timestamp held_since = not_stored;
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
    RecordingFlag recording_enabled;
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
    int max_wait_time = 0; ///< seconds; 0: no limit
    std::string music_on_hold;
    std::string timeout_destination;
    std::string timeout_destination_type; ///< extension, queue, external, or empty
    std::string status;
    RecordingFlag recording_enabled;
    std::vector<Member> members;
    Timestamp held_since = not_stored;
};

struct Did {
    std::string id;
    std::string number;
    std::string routing_type; ///< extension, queue, external
    std::string routing_destination;
    std::string status;
    RecordingFlag recording_enabled;
    Timestamp held_since = not_stored;
    bool answers = false;   ///< at once, before the destination rings, which the caller pays for
    std::string trunk_id{}; ///< that its calls come from; empty: any
};

struct Organization {
    std::string id; ///< also its accountcode
    std::string name;
    std::string context_prefix;
    std::string status;
    RecordingFlag recording_enabled; ///< settings.recording_enabled, which overrides every row when it is false
    std::vector<User> users;
    std::vector<Trunk> trunks;
    std::vector<Route> routes;
    std::vector<Queue> queues;
    std::vector<Did> dids;
    std::string max_channels;        ///< limits.max_channels as JSON; empty or null: no limit
    std::string max_contacts;        ///< settings.max_contacts as JSON; empty or null: one device per phone
    std::string codecs;              ///< settings.codecs as JSON; empty or null: ulaw and alaw
    std::string recording_consent{}; ///< settings.recording_consent as JSON; empty or null: none
    std::string consent_prompt{};    ///< settings.consent_prompt as JSON; empty or null: the suite's own notice
    Timestamp held_since = not_stored;
    std::string recording_channels{}; ///< settings.recording_channels as JSON; empty or null: one
    std::string recording_rate{};     ///< settings.recording_rate as JSON; empty or null: 8000
};

} // namespace pbx::tenants
