// A call as an operator thinks of it, worked out from its CDR rows.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pbx::cdr {

/// One CDR row; texts that are NULL in the database are empty.
struct CdrRow {
    std::int64_t id = 0;
    std::chrono::sys_seconds calldate{};
    std::int64_t sequence = 0;
    std::chrono::seconds duration{};
    std::chrono::seconds billsec{};
    std::string clid, src, dst, dcontext, channel, dstchannel, lastapp, lastdata, disposition, accountcode, uniqueid,
        linkedid, recordingfile;
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

struct Journey {
    std::string linkedid;
    std::string accountcode;
    std::string organization; ///< its name; empty when the accountcode is not an organization's id

    // From the row with the longest duration, which speaks for the call.
    std::chrono::sys_seconds start{};
    std::string from;
    std::string to;
    std::chrono::seconds duration{};
    std::chrono::seconds talk_time{};
    std::string disposition;

    // From all rows together.
    Direction direction = Direction::internal;
    std::size_t legs = 0;             ///< distinct recordings
    std::chrono::sys_seconds began{}; ///< time of the first row
    std::chrono::sys_seconds ended{}; ///< end of the row that ended last
    std::string dialled;              ///< the number that the caller dialled
    std::string answered_by;          ///< the extension or outside number that answered first; empty when nobody did
    std::chrono::seconds waited{};    ///< from `began` until somebody answered, or until the end

    std::vector<CdrRow> rows; ///< by time
};

/// `rows` are one call's rows, at least one, in any order. `tenant` is null when the accountcode is not an
/// organization's id.
Journey make_journey(std::vector<CdrRow> rows, const TenantNames* tenant);

/// The endpoint in a channel's name: "acme_1003" in "PJSIP/acme_1003-0000001f". Empty for "Local/..." and for a text
/// that does not name a channel.
std::string endpoint_of(const std::string& channel);

} // namespace pbx::cdr
