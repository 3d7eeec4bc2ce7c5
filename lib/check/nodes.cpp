// The machines that share the database.
#include "db/nodes.hpp"

#include "base/moment.hpp"
#include "check/areas.hpp"
#include "check/session.hpp"

#include <fmt/format.h>

namespace pbx::check {

namespace {

constexpr std::chrono::hours silent{25};
constexpr std::chrono::minutes clock_tolerance{1};

void check_others(const db::NodeTable& table, const db::Node& own, Findings& findings) {
    std::size_t others = 0;
    for (const auto& row : table.rows) {
        if (row.node.host == own.host && row.node.spool == own.spool)
            continue;
        const auto last = row.last_run();
        const bool recent = last && *last > table.now - silent;
        if (last && *last > table.now + clock_tolerance)
            findings.warn(fmt::format("node {} (host {}) ran at {}, which is in the future: a clock was wrong",
                                      row.node.name.empty() ? "without a name" : row.node.name, row.node.host,
                                      shown_time(*last)),
                          "set the clock of the database server, then let pbx-stitch and pbx-archive run on that node");
        others += recent ? 1 : 0;
        // One without a name counts only while it runs.
        if (!recent && !row.node.name.empty())
            findings.warn(fmt::format("node {} (host {}) has not run {}", row.node.name, row.node.host,
                                      last ? "since " + shown_time(*last) : "yet"),
                          fmt::format("see what pbx-check finds there; if that machine is gone for good: psql -c "
                                      "'delete from nodes where id = {}'",
                                      row.id));
    }
    findings.ok(fmt::format("this machine is {}, beside {} that ran in the last {} hours",
                            own.name.empty() ? "a node without a name" : "node " + own.name,
                            counted(others, "other node"), silent.count()));
}

} // namespace

void check_nodes(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    soci::session session;
    if (!connect(session, options, deadline, findings, "nodes"))
        return;
    const auto own = db::this_node(options.node, options.places.spool);
    const auto refused = db::refuse_or_enter(session, own, db::NodeTool::archive, true, deadline);
    if (refused)
        findings.fail(*refused);
    check_others(db::list_nodes(session, deadline), own, findings);
}

} // namespace pbx::check
