// What an operator wants to know of a call, told from its CDR rows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pbx::cdr {

/// One CDR row; texts that are NULL are empty.
struct Row {
    std::int64_t id = 0;
    std::int64_t calldate = 0; ///< Unix time
    std::int64_t sequence = 0;
    std::int64_t duration = 0; ///< seconds
    std::int64_t billsec = 0;
    std::string clid, src, dst, dcontext, channel, dstchannel, lastapp, lastdata, disposition, accountcode, uniqueid,
        linkedid, recordingfile;
};

/// The names by which Asterisk knows one organization's things.
struct Tenant {
    std::string name;
    std::string prefix;
    std::set<std::string> trunks;                  ///< endpoints of trunks with a name of their own
    std::map<std::string, std::string> extensions; ///< endpoints of users with a name of their own: their extensions
};

enum class Direction { inbound, outbound, internal };
const char* name_of(Direction direction);

struct Journey {
    std::string linkedid;
    std::string accountcode;
    std::string organization; ///< its name, where the accountcode is that of one

    // What the longest row says.
    std::int64_t start = 0;
    std::string from;
    std::string to;
    std::int64_t duration = 0;
    std::int64_t talk_time = 0;
    std::string disposition;

    // What all rows say together.
    Direction direction = Direction::internal;
    std::size_t legs = 0;    ///< distinct recordings
    std::int64_t began = 0;  ///< the first row's time
    std::int64_t ended = 0;  ///< when the last row ended
    std::string dialled;     ///< the number that the caller dialled
    std::string answered_by; ///< the extension, or the number outside, that picked up first; empty when nobody did
    std::int64_t waited = 0; ///< seconds from the begin until somebody picked up, or until the end

    std::vector<Row> rows; ///< by time
};

/// `rows`: one call's rows, at least one, in any order. `tenant`: where the accountcode is that of an organization.
Journey tell(std::vector<Row> rows, const Tenant* tenant);

/// The endpoint of a channel: "acme_1003" of "PJSIP/acme_1003-0000001f"; empty for "Local/..." and for nothing.
std::string endpoint_of(const std::string& channel);

} // namespace pbx::cdr
