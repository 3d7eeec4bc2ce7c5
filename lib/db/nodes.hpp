// The machines that share one database: the table `nodes`.
#pragma once

#include "base/deadline.hpp"
#include "base/error.hpp"

#include <soci/soci.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pbx::db {

/// A machine, identified by its host name and spool: two spools on one host are two nodes.
struct Node {
    std::string name; ///< the setting `node`; empty where the operator gave none
    std::string host;
    std::string spool; ///< absolute path
};

/// This machine, with the spool that it works on.
Node this_node(const std::string& name, const std::string& spool);

/// The tools whose last run the table records.
enum class NodeTool { stitch, archive };

/// Writes this node and the time of its run into the table, unless it conflicts with the nodes in the table: then it
/// writes nothing and returns an Error (config) with the reason. It refuses a node without a name if another node is
/// known, and a name that another machine or spool used within the last 25 hours. A node without a name is known for 25
/// hours after its last run, one with a name until its row is deleted. A dry run, or a run on a read-only database,
/// writes nothing. Simultaneous calls take turns. Throws Error: unavailable, also when the server does not answer by
/// `deadline`; config when the table is missing; no_permission.
std::optional<Error> refuse_or_enter(soci::session& session, const Node& node, NodeTool tool, bool dry_run,
                                     const Deadline& deadline);

/// Writes the time of a run of pbx-calls import into the row of `node`, or into a new one without a name, which
/// pbx-stitch adds. Throws Error like refuse_or_enter, also when the database is read-only.
void record_import(soci::session& session, const Node& node, const Deadline& deadline);

/// A row of the table, with the times of the database server.
struct NodeRow {
    std::int64_t id = 0;
    Node node;
    std::optional<std::chrono::sys_seconds> last_import;
    std::optional<std::chrono::sys_seconds> last_stitch;
    std::optional<std::chrono::sys_seconds> last_archive;

    /// Of any tool.
    std::optional<std::chrono::sys_seconds> last_run() const {
        return std::max({last_import, last_stitch, last_archive});
    }
};

/// All rows, and the time of the server. Throws Error like refuse_or_enter.
struct NodeTable {
    std::vector<NodeRow> rows;
    std::chrono::sys_seconds now{};

    /// The row of `node`; null when there is none.
    const NodeRow* find(const Node& node) const;
};
NodeTable list_nodes(soci::session& session, const Deadline& deadline);

/// Whether a node other than this one is known, by the same rule. Throws Error like refuse_or_enter.
bool other_nodes_known(soci::session& session, const Node& node, const Deadline& deadline);

/// Shows the other machines, until the session ends, that a machine without a node name is archiving. Call it before
/// refuse_or_enter. Throws Error like it.
void hold_unnamed_archive(soci::session& session, const Deadline& deadline);

/// Whether a machine without a node name is archiving now. Throws Error like refuse_or_enter.
bool unnamed_archive_runs(soci::session& session, const Deadline& deadline);

} // namespace pbx::db
