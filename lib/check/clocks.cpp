// Three clocks make the times of a call: Asterisk's machine names the recording, cdr_pgsql and the database's zone make
// the row's calldate, and the database's clock decides which calls are recent.
#include "cdr/recording_times.hpp"
#include "check/areas.hpp"
#include "check/session.hpp"
#include "db/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace pbx::check {

namespace {

using namespace std::chrono_literals;

constexpr const char* set_clocks = "let NTP set the clocks of both machines (timedatectl, chronyc tracking)";

// A row begins before its recording, and ends after it. Transfers may take seconds.
constexpr std::chrono::seconds tolerance{60};

std::string in_words(std::chrono::minutes span) {
    const auto minutes = std::abs(span.count());
    return minutes < 60 ? fmt::format("{} min", minutes) : fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

// Zones differ by quarters of an hour.
bool is_zone(std::chrono::minutes span) {
    const auto rest = std::abs(span.count()) % 15;
    return std::abs(span.count()) > 10 && (rest <= 2 || rest >= 13);
}

void check_server_clock(std::chrono::milliseconds ahead, Findings& findings) {
    const auto off = std::chrono::round<std::chrono::seconds>(ahead);
    findings.measure({"database_clock_ahead_seconds",
                      "How much the database's clock is ahead of this machine's.",
                      std::chrono::duration<double>{ahead}.count(),
                      {}});
    const auto text = fmt::format("the database's clock is {} s {} this machine's", std::abs(off.count()),
                                  off.count() < 0 ? "behind" : "ahead of");
    if (std::chrono::abs(off) > 60s)
        findings.fail(text, set_clocks);
    else if (std::chrono::abs(off) > 5s)
        findings.warn(text, set_clocks);
    else
        findings.ok("the database's clock is right");
}

void check_rows(const std::vector<cdr::RecordingTimes>& rows, Findings& findings) {
    std::vector<std::chrono::seconds> off;
    for (const auto& row : rows)
        if (const auto ahead = row.row_ahead(); std::chrono::abs(ahead) > tolerance)
            off.push_back(ahead);
    // A single one may be a leg that another row took over.
    if (rows.empty())
        findings.ok("no recording of the last week whose time could be compared");
    else if (off.size() * 2 <= rows.size())
        findings.ok("CDR times fit the names of the recordings");
    if (off.size() * 2 <= rows.size())
        return;
    std::sort(off.begin(), off.end());
    const auto middle = std::chrono::round<std::chrono::minutes>(off[off.size() / 2]);
    findings.fail(fmt::format("CDR times are about {} {} the names of their recordings, which are in UTC ({} of the "
                              "newest {})",
                              in_words(middle), middle.count() < 0 ? "behind" : "ahead of", off.size(), rows.size()),
                  is_zone(middle) ? "set timezone=UTC in cdr_pgsql.conf, restart Asterisk, and run: psql -c \"alter "
                                    "role asterisk set timezone to 'UTC'\""
                                  : "set the clock of the machine that Asterisk runs on (timedatectl)");
}

} // namespace

void check_clocks(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    soci::session session;
    if (!connect(session, options, deadline, findings, "clocks"))
        return;
    check_server_clock(db::ask_server(session, deadline).clock_ahead, findings);
    check_rows(cdr::newest_recording_times(session, deadline), findings);
}

} // namespace pbx::check
