// A call as an operator thinks of it, worked out from its CDR rows.
#pragma once

#include "cdr/pauses.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::cdr {

/// One CDR row; texts that are NULL in the database are empty.
struct CdrRow {
    std::int64_t id = 0;
    std::chrono::sys_seconds calldate{};
    std::int64_t sequence = 0;
    std::chrono::seconds duration{};
    std::chrono::seconds billsec{};
    bool shares_linkedid = false; ///< with rows of other accounts; only of calls that were selected, not named
    std::string clid, src, dst, dcontext, channel, dstchannel, lastapp, lastdata, disposition, accountcode, uniqueid,
        linkedid, recordingfile, recording_paused, recording_consent;
};

/// The names that Asterisk uses for what belongs to one organization.
struct TenantNames {
    std::string organization;
    std::string prefix;                            ///< the organization's context_prefix
    std::set<std::string> trunks;                  ///< endpoints of trunks that have a name of their own
    std::map<std::string, std::string> extensions; ///< by endpoint, of users whose endpoint has a name of its own
};

enum class Direction { inbound, outbound, internal };
const char* direction_name(Direction direction);

/// What a call is that has a row of this kind. The first rule that fits decides.
struct DispositionRule {
    std::string_view of_row;      ///< empty: any
    bool of_party;                ///< only a row that names the channel of a party that was called
    std::string_view application; ///< empty: any
    std::string_view of_call;
};

/// A DID or a queue that answers the caller makes rows ANSWERED, but they name no channel of a party. Who gives up in a
/// queue was not answered, even if the phone of one member was busy. A conference room is a destination: its rows
/// describe pairs of participants, and the last one's names no other.
inline constexpr std::array<DispositionRule, 8> disposition_rules{{{"ANSWERED", true, "", "ANSWERED"},
                                                                   {"ANSWERED", false, "ConfBridge", "ANSWERED"},
                                                                   {"", false, "Queue", "NO ANSWER"},
                                                                   {"BUSY", false, "", "BUSY"},
                                                                   {"NO ANSWER", false, "", "NO ANSWER"},
                                                                   {"CONGESTION", false, "", "CONGESTION"},
                                                                   {"FAILED", false, "", "FAILED"},
                                                                   {"ANSWERED", false, "", "NO ANSWER"}}};

struct Journey {
    std::string linkedid;
    std::string accountcode;
    bool shares_linkedid = false; ///< as its rows do
    std::string organization;     ///< its name; empty when the accountcode is not an organization's id

    std::chrono::sys_seconds start{}; ///< of the first row
    std::chrono::sys_seconds ended{}; ///< end of the row that ended last
    std::chrono::seconds duration{};  ///< from `start` to `ended`
    std::chrono::seconds waited{};    ///< from `start` until a person answered, or until the end
    std::chrono::seconds talk_time{}; ///< from that answer to the end; 0 when nobody answered
    std::string disposition;          ///< by the disposition_rules
    Direction direction = Direction::internal;
    std::string from;
    std::string to;          ///< what the caller dialled, also when it is not a number
    std::string dialled;     ///< the number that the caller dialled
    std::string answered_by; ///< the extension or outside number that answered first; empty when nobody did
    std::size_t legs = 0;    ///< distinct recordings

    std::vector<Pause> pauses; ///< of the recording
    std::string consent;       ///< consent_text() of its rows

    std::vector<CdrRow> rows; ///< by time
};

/// `rows` are one call's rows, at least one, in any order. `tenant` is null when the accountcode is not an
/// organization's id.
Journey make_journey(std::vector<CdrRow> rows, const TenantNames* tenant);

/// Whether the extension called, was called or answered in the call, of its `tenant`: a row names the channel of its
/// phone, or its number was dialled inside the organization, or rang there. A caller's number is no evidence, since
/// those from outside choose it.
bool took_part(const Journey& call, const std::string& extension, const TenantNames* tenant);

/// The endpoint in a channel's name: "acme_1003" in "PJSIP/acme_1003-0000001f". Empty for "Local/..." and for a text
/// that does not name a channel.
std::string endpoint_of(const std::string& channel);

} // namespace pbx::cdr
