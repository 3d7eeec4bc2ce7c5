// Asterisk writes a row when a channel ends, so only calldate and sequence give the order of rows. A queue's own row
// may say ANSWERED because the caller heard the queue's music; a person answered only where the row names that person's
// channel.
#include "cdr/journey.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace pbx::cdr {

namespace {

using Rows = std::vector<CdrRow>;

// Few telephone numbers are as short as this, and no extension is longer.
constexpr std::ptrdiff_t longest_extension = 6;

bool is_all_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Whether the row's context is one of those named `part`: "acme__incoming" and "acme__incoming_sub", "acme__outbound"
// and "acme__outbound-2".
bool is_in_context(const CdrRow& row, std::string_view part) {
    const auto at = row.dcontext.find(part);
    if (at == std::string::npos)
        return false;
    const auto rest = std::string_view{row.dcontext}.substr(at + part.size());
    return rest.empty() || rest.front() == '_' || rest.front() == '-';
}

bool is_trunk(const std::string& endpoint, const TenantNames* tenant) {
    if (endpoint.empty())
        return false;
    if (tenant != nullptr)
        return tenant->trunks.contains(endpoint) || endpoint.starts_with(tenant->prefix + "__trunk_");
    return endpoint.find("trunk") != std::string::npos;
}

bool leads_outside(const CdrRow& row, const TenantNames* tenant) {
    const auto endpoint = endpoint_of(row.dstchannel);
    if (is_in_context(row, "__outbound") || is_trunk(endpoint, tenant))
        return true;
    // A row names no channel when the route's trunk did not accept the call.
    return endpoint.empty() && is_in_context(row, "__internal") &&
           std::count_if(row.dst.begin(), row.dst.end(), [](char c) { return c >= '0' && c <= '9'; }) >
               longest_extension;
}

Direction find_direction(const Rows& rows, const TenantNames* tenant) {
    const auto& first = rows.front();
    if (is_in_context(first, "__incoming") || is_trunk(endpoint_of(first.channel), tenant))
        return Direction::inbound;
    if (std::any_of(rows.begin(), rows.end(), [&](const CdrRow& row) { return leads_outside(row, tenant); }))
        return Direction::outbound;
    return Direction::internal;
}

// The first destination that can be dialled, which "s" and the like cannot.
std::string find_dialled_number(const Rows& rows) {
    const auto found = std::find_if(rows.begin(), rows.end(), [](const CdrRow& row) {
        return row.dst.find_first_of("0123456789*#") != std::string::npos;
    });
    return found == rows.end() ? std::string{} : found->dst;
}

std::chrono::sys_seconds answer_time(const CdrRow& row) {
    return row.calldate + std::max(row.duration - row.billsec, std::chrono::seconds{0});
}

// The row of the channel that answered first; null when nobody did. Local channels do not count: others ring behind
// them.
const CdrRow* find_answered_row(const Rows& rows) {
    const CdrRow* earliest = nullptr;
    for (const auto& row : rows)
        if (row.disposition == "ANSWERED" && !endpoint_of(row.dstchannel).empty() &&
            (earliest == nullptr || answer_time(row) < answer_time(*earliest)))
            earliest = &row;
    return earliest;
}

// The extension or outside number of the person who answered.
std::string find_answerer(const CdrRow& row, const TenantNames* tenant) {
    const auto endpoint = endpoint_of(row.dstchannel);
    if (tenant != nullptr) {
        const auto known = tenant->extensions.find(endpoint);
        if (known != tenant->extensions.end())
            return known->second;
    }
    if (is_trunk(endpoint, tenant))
        return row.dst;
    if (tenant != nullptr && endpoint.starts_with(tenant->prefix + '_'))
        return endpoint.substr(tenant->prefix.size() + 1);
    const auto last = endpoint.rfind('_');
    const auto tail = last == std::string::npos ? endpoint : endpoint.substr(last + 1);
    return is_all_digits(tail) ? tail : endpoint;
}

std::size_t count_recordings(const Rows& rows) {
    std::set<std::string_view> recordings;
    for (const auto& row : rows)
        if (!row.recordingfile.empty())
            recordings.insert(row.recordingfile);
    return recordings.size();
}

// Of rows of equal length the first.
const CdrRow& find_longest_row(const Rows& rows) {
    return *std::max_element(rows.begin(), rows.end(),
                             [](const CdrRow& a, const CdrRow& b) { return a.duration < b.duration; });
}

} // namespace

const char* direction_name(Direction direction) {
    switch (direction) {
    case Direction::inbound:
        return "inbound";
    case Direction::outbound:
        return "outbound";
    case Direction::internal:
        return "internal";
    }
    return "";
}

std::string endpoint_of(const std::string& channel) {
    const auto slash = channel.find('/');
    if (slash == std::string::npos || channel.starts_with("Local/"))
        return {};
    const auto dash = channel.rfind('-');
    return channel.substr(slash + 1, dash == std::string::npos || dash < slash ? dash : dash - slash - 1);
}

Journey make_journey(std::vector<CdrRow> rows, const TenantNames* tenant) {
    std::sort(rows.begin(), rows.end(), [](const CdrRow& a, const CdrRow& b) {
        return std::tie(a.calldate, a.sequence, a.id) < std::tie(b.calldate, b.sequence, b.id);
    });
    const auto& longest = find_longest_row(rows);
    Journey call;
    call.linkedid = longest.linkedid;
    call.accountcode = longest.accountcode;
    call.organization = tenant == nullptr ? std::string{} : tenant->organization;
    call.start = longest.calldate;
    call.from = longest.src;
    call.to = longest.dst;
    call.duration = longest.duration;
    call.talk_time = longest.billsec;
    call.disposition = longest.disposition;
    call.direction = find_direction(rows, tenant);
    call.dialled = find_dialled_number(rows);
    call.legs = count_recordings(rows);
    call.began = rows.front().calldate;
    for (const auto& row : rows)
        call.ended = std::max(call.ended, row.calldate + row.duration);
    const auto* answered = find_answered_row(rows);
    if (answered != nullptr)
        call.answered_by = find_answerer(*answered, tenant);
    call.waited = (answered == nullptr ? call.ended : answer_time(*answered)) - call.began;
    call.rows = std::move(rows);
    return call;
}

} // namespace pbx::cdr
