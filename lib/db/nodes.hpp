// The machines that share one database: the table `nodes`.
#pragma once

#include "base/deadline.hpp"
#include "base/error.hpp"

#include <soci/soci.h>

#include <optional>
#include <string>

namespace pbx::db {

/// A machine, which its host name and its spool identify: two spools on one host are two nodes.
struct Node {
    std::string name; ///< the setting `node`; empty where the operator gave none
    std::string host;
    std::string spool; ///< absolute path
};

/// This machine, with the spool that it works on.
Node this_node(const std::string& name, const std::string& spool);

/// The tools whose last run the table keeps.
enum class NodeTool { stitch, archive };

/// Writes this node and the time of its run into the table, unless it must not work beside the nodes that are there:
/// then nothing is written, and the Error (config) says why. Refused are a node without a name where another node is
/// known, and a name that another machine or spool had within the last 25 hours. A node without a name counts for 25
/// hours after its last run, one with a name until its row is deleted. A dry run writes nothing, nor does a run against
/// a read-only database. Two machines that ask at the same moment take turns. Throws Error: unavailable, also when the
/// server does not answer by `deadline`; config when the table is missing; no_permission.
std::optional<Error> refuse_or_enter(soci::session& session, const Node& node, NodeTool tool, bool dry_run,
                                     const Deadline& deadline);

/// Whether the table knows another node than this one, by the same count. Throws Error like refuse_or_enter.
bool other_nodes_known(soci::session& session, const Node& node, const Deadline& deadline);

/// Says to the others, for as long as the session lasts, that a machine without a node name archives. Before
/// refuse_or_enter. Throws Error like it.
void hold_unnamed_archive(soci::session& session, const Deadline& deadline);

/// Whether a machine without a node name archives at this moment. Throws Error like refuse_or_enter.
bool unnamed_archive_runs(soci::session& session, const Deadline& deadline);

} // namespace pbx::db
