// Asterisk writes a row when a channel ends, so only calldate and sequence give the order of rows. A queue's own row
// may say ANSWERED because the caller heard the queue's music; a person answered only where the row names that person's
// channel.
#include "cdr/journey.hpp"

#include "cdr/consent.hpp"

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

// A channel that was transferred can become the caller of later rows; the one that began the call gave it its name.
const CdrRow& find_callers_row(const Rows& rows) {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [](const CdrRow& row) { return row.uniqueid == row.linkedid; });
    return found == rows.end() ? rows.front() : *found;
}

Direction find_direction(const Rows& rows, const CdrRow& first, const TenantNames* tenant) {
    if (is_in_context(first, "__incoming") || is_trunk(endpoint_of(first.channel), tenant))
        return Direction::inbound;
    if (std::any_of(rows.begin(), rows.end(), [&](const CdrRow& row) { return leads_outside(row, tenant); }))
        return Direction::outbound;
    return Direction::internal;
}

bool can_be_dialled(const std::string& number) {
    return number.find_first_of("0123456789*#") != std::string::npos;
}

// The extension in "PJSIP/acme_1003/sip:...&PJSIP/acme_1003/sip:...": the addresses of several devices can take up all
// of the 255 characters that Asterisk keeps. Only standard names of endpoints have it.
std::string find_rung_phone(const std::string& lastdata) {
    constexpr std::string_view technology = "PJSIP/";
    const auto end = lastdata.find("/sip", technology.size());
    if (!lastdata.starts_with(technology) || end == std::string::npos)
        return {};
    const auto endpoint = lastdata.substr(technology.size(), end - technology.size());
    const auto at = endpoint.rfind('_');
    return at == std::string::npos ? std::string{} : endpoint.substr(at + 1);
}

// The number that the dialplan passed to the recorder when it rang somebody. call_query.cpp searches it too.
std::string find_rung_number(const CdrRow& row) {
    constexpr std::string_view before = "U(pbx-recorder-up^";
    const auto at = row.lastdata.find(before);
    const auto begin = at + before.size();
    const auto end = at == std::string::npos ? at : row.lastdata.find('^', begin);
    return end == std::string::npos ? find_rung_phone(row.lastdata) : row.lastdata.substr(begin, end - begin);
}

// What the caller dialled, or the first destination that can be dialled, which "s" and the like cannot. A blind
// transfer of the caller replaces the destination in the row of the call before.
std::string find_dialled_number(const Rows& rows, const CdrRow& first) {
    if (auto rung = find_rung_number(first); is_in_context(first, "__transfer") && !rung.empty())
        return rung;
    if (can_be_dialled(first.dst))
        return first.dst;
    const auto found =
        std::find_if(rows.begin(), rows.end(), [](const CdrRow& row) { return can_be_dialled(row.dst); });
    return found == rows.end() ? std::string{} : found->dst;
}

std::chrono::sys_seconds answer_time(const CdrRow& row) {
    return row.calldate + std::max(row.duration - row.billsec, std::chrono::seconds{0});
}

std::chrono::sys_seconds end_time(const CdrRow& row) {
    return row.calldate + row.duration;
}

// Local channels lead to others, which have rows of their own.
bool names_party(const CdrRow& row) {
    return row.dstchannel.find('/') != std::string::npos && !row.dstchannel.starts_with("Local/");
}

bool is_in_conference(const CdrRow& row) {
    return row.lastapp == "ConfBridge";
}

// The row of the person or conference room that answered first; null when nobody did. A DID or a queue that answers the
// caller makes a row ANSWERED too, but such a row names no other person's channel.
const CdrRow* find_answered_row(const Rows& rows) {
    const CdrRow* earliest = nullptr;
    for (const auto& row : rows)
        if (row.disposition == "ANSWERED" && (names_party(row) || is_in_conference(row)) &&
            (earliest == nullptr || answer_time(row) < answer_time(*earliest)))
            earliest = &row;
    return earliest;
}

// The extension whose phone has this endpoint, which is not a trunk's; or the endpoint, if it names none.
std::string extension_of(const std::string& endpoint, const TenantNames* tenant) {
    if (tenant != nullptr) {
        const auto known = tenant->extensions.find(endpoint);
        if (known != tenant->extensions.end())
            return known->second;
        if (endpoint.starts_with(tenant->prefix + '_'))
            return endpoint.substr(tenant->prefix.size() + 1);
    }
    const auto last = endpoint.rfind('_');
    const auto tail = last == std::string::npos ? endpoint : endpoint.substr(last + 1);
    return is_all_digits(tail) ? tail : endpoint;
}

// The extension or outside number of the person who answered, or the number of the room.
std::string find_answerer(const CdrRow& row, const TenantNames* tenant) {
    if (is_in_conference(row))
        return row.dst;
    const auto endpoint = endpoint_of(row.dstchannel);
    return is_trunk(endpoint, tenant) ? row.dst : extension_of(endpoint, tenant);
}

bool is_phone_of(const std::string& channel, const std::string& extension, const TenantNames* tenant) {
    const auto endpoint = endpoint_of(channel);
    return !endpoint.empty() && !is_trunk(endpoint, tenant) && extension_of(endpoint, tenant) == extension;
}

// Outside of the organization the same digits are another's number. But where a call to the extension goes out to its
// user's own phone, the recorder has the extension.
bool is_call_to(const CdrRow& row, const std::string& extension) {
    const bool is_own = !is_in_context(row, "__incoming") && !is_in_context(row, "__outbound");
    return is_own ? row.dst == extension || find_rung_number(row) == extension
                  : row.dst != extension && find_rung_number(row) == extension;
}

// Of a path in the spool, as LegNaming::base_name() has it.
std::string_view base_name(std::string_view recordingfile) {
    return recordingfile.substr(recordingfile.rfind('/') + 1);
}

std::size_t count_recordings(const Rows& rows) {
    std::set<std::string_view> recordings;
    for (const auto& row : rows)
        if (const auto leg = base_name(row.recordingfile); !leg.empty())
            recordings.insert(leg);
    return recordings.size();
}

// The texts of a column of all rows, separated by commas.
std::string texts_of(const Rows& rows, std::string CdrRow::*column) {
    std::string texts;
    for (const auto& row : rows)
        texts += row.*column + ',';
    return texts;
}

bool fits(const DispositionRule& rule, const CdrRow& row) {
    return (rule.of_row.empty() || row.disposition == rule.of_row) && (!rule.of_party || names_party(row)) &&
           (rule.application.empty() || row.lastapp == rule.application);
}

std::string find_disposition(const Rows& rows) {
    for (const auto& rule : disposition_rules)
        if (std::any_of(rows.begin(), rows.end(), [&](const CdrRow& row) { return fits(rule, row); }))
            return std::string{rule.of_call};
    return rows.front().disposition;
}

// Rows have whole seconds: ends that are one second apart can be the same instant.
std::chrono::seconds find_talk_time(const CdrRow& answered, std::chrono::sys_seconds ended) {
    const auto after = ended - end_time(answered);
    return answered.billsec + (after > std::chrono::seconds{1} ? after : std::chrono::seconds{0});
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

bool took_part(const Journey& call, const std::string& extension, const TenantNames* tenant) {
    return std::any_of(call.rows.begin(), call.rows.end(), [&](const CdrRow& row) {
        return is_phone_of(row.channel, extension, tenant) || is_phone_of(row.dstchannel, extension, tenant) ||
               is_call_to(row, extension);
    });
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
    const auto& first = find_callers_row(rows);
    Journey call;
    call.linkedid = first.linkedid;
    call.accountcode = first.accountcode;
    call.shares_linkedid = first.shares_linkedid;
    call.organization = tenant == nullptr ? std::string{} : tenant->organization;
    call.start = rows.front().calldate;
    call.ended = call.start;
    call.pauses = parse_pauses(texts_of(rows, &CdrRow::recording_paused));
    call.consent = consent_text(texts_of(rows, &CdrRow::recording_consent));
    for (const auto& row : rows)
        call.ended = std::max(call.ended, end_time(row));
    call.duration = call.ended - call.start;
    call.disposition = find_disposition(rows);
    call.direction = find_direction(rows, first, tenant);
    call.from = first.src;
    call.dialled = find_dialled_number(rows, first);
    call.to = call.dialled.empty() ? first.dst : call.dialled;
    call.legs = count_recordings(rows);
    const auto* answered = find_answered_row(rows);
    if (answered != nullptr) {
        call.answered_by = find_answerer(*answered, tenant);
        call.talk_time = find_talk_time(*answered, call.ended);
    }
    call.waited = (answered == nullptr ? call.ended : answer_time(*answered)) - call.start;
    call.rows = std::move(rows);
    return call;
}

} // namespace pbx::cdr
