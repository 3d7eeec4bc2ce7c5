// The rules by which rows become a story. Asterisk writes rows when channels end, so only calldate and sequence order
// them; a queue's own row may say ANSWERED because the queue's music was, so a person who answered is known by the
// channel that the row names.
#include "cdr/journey.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace pbx::cdr {

namespace {

// No extension is longer, few telephone numbers are shorter.
constexpr std::size_t longest_extension = 6;

bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

class Teller {
  public:
    Teller(const std::vector<Row>& rows, const Tenant* tenant) : rows_{rows}, tenant_{tenant} {}

    Direction direction() const {
        const auto& first = rows_.front();
        if (in_context(first, "__incoming") || is_trunk(endpoint_of(first.channel)))
            return Direction::inbound;
        if (std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) { return leads_out(row); }))
            return Direction::outbound;
        return Direction::internal;
    }

    // The first row's destination; but "s" and the like were dialled by nobody.
    std::string dialled() const {
        const auto found = std::find_if(rows_.begin(), rows_.end(), [](const Row& row) {
            return row.dst.find_first_of("0123456789*#") != std::string::npos;
        });
        return found == rows_.end() ? std::string{} : found->dst;
    }

    // The row of the channel that picked up first: not of a Local channel, behind which others ring.
    const Row* answer() const {
        const Row* earliest = nullptr;
        for (const auto& row : rows_)
            if (row.disposition == "ANSWERED" && !endpoint_of(row.dstchannel).empty() &&
                (earliest == nullptr || answered_at(row) < answered_at(*earliest)))
                earliest = &row;
        return earliest;
    }

    static std::int64_t answered_at(const Row& row) {
        return row.calldate + std::max<std::int64_t>(row.duration - row.billsec, 0);
    }

    std::string answered_by(const Row& row) const {
        const auto endpoint = endpoint_of(row.dstchannel);
        if (tenant_ != nullptr) {
            const auto known = tenant_->extensions.find(endpoint);
            if (known != tenant_->extensions.end())
                return known->second;
        }
        if (is_trunk(endpoint))
            return row.dst;
        const auto last = endpoint.rfind('_');
        const auto tail = last == std::string::npos ? endpoint : endpoint.substr(last + 1);
        if (tenant_ != nullptr && endpoint.starts_with(tenant_->prefix + '_'))
            return endpoint.substr(tenant_->prefix.size() + 1);
        return is_digits(tail) ? tail : endpoint;
    }

  private:
    static bool in_context(const Row& row, std::string_view part) {
        const auto at = row.dcontext.find(part);
        if (at == std::string::npos)
            return false;
        // "acme__incoming" and "acme__incoming_sub", "acme__outbound" and "acme__outbound-2"
        const auto rest = std::string_view{row.dcontext}.substr(at + part.size());
        return rest.empty() || rest.front() == '_' || rest.front() == '-';
    }

    bool is_trunk(const std::string& endpoint) const {
        if (endpoint.empty())
            return false;
        if (tenant_ != nullptr)
            return tenant_->trunks.contains(endpoint) || endpoint.starts_with(tenant_->prefix + "__trunk_");
        return endpoint.find("trunk") != std::string::npos;
    }

    bool leads_out(const Row& row) const {
        if (in_context(row, "__outbound") || is_trunk(endpoint_of(row.dstchannel)))
            return true;
        // A route whose trunk did not take the call names no channel.
        return endpoint_of(row.dstchannel).empty() && in_context(row, "__internal") &&
               std::count_if(row.dst.begin(), row.dst.end(), [](char c) { return c >= '0' && c <= '9'; }) >
                   static_cast<std::ptrdiff_t>(longest_extension);
    }

    const std::vector<Row>& rows_;
    const Tenant* tenant_;
};

} // namespace

const char* name_of(Direction direction) {
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

Journey tell(std::vector<Row> rows, const Tenant* tenant) {
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return std::tie(a.calldate, a.sequence, a.id) < std::tie(b.calldate, b.sequence, b.id);
    });
    // Of equally long rows the first.
    const auto& longest =
        *std::max_element(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.duration < b.duration; });
    Journey call;
    call.linkedid = longest.linkedid;
    call.accountcode = longest.accountcode;
    call.organization = tenant == nullptr ? std::string{} : tenant->name;
    call.start = longest.calldate;
    call.from = longest.src;
    call.to = longest.dst;
    call.duration = longest.duration;
    call.talk_time = longest.billsec;
    call.disposition = longest.disposition;

    const Teller teller{rows, tenant};
    call.direction = teller.direction();
    call.dialled = teller.dialled();
    call.began = rows.front().calldate;
    std::set<std::string> recordings;
    for (const auto& row : rows) {
        call.ended = std::max(call.ended, row.calldate + row.duration);
        if (!row.recordingfile.empty())
            recordings.insert(row.recordingfile);
    }
    call.legs = recordings.size();
    const auto* answer = teller.answer();
    if (answer != nullptr)
        call.answered_by = teller.answered_by(*answer);
    call.waited = (answer == nullptr ? call.ended : Teller::answered_at(*answer)) - call.began;
    call.rows = std::move(rows);
    return call;
}

} // namespace pbx::cdr
