// What the archive must know of other machines that store legs in the same place.
#pragma once

#include "db/nodes.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::archive {

/// Whether `leg` ends as only the node `node` names its legs: with -NODE.wav, or -NODE-UNIQUEID.wav (Asterisk's
/// uniqueid without a system name, "1776500000.1"), .WAV likewise. A node name without a letter proves nothing: an
/// extension may be called so, and the end of a name without a node is the extension.
bool is_named_by(std::string_view leg, std::string_view node);

class OtherNodes {
  public:
    /// Nothing is asked yet. `database` and `node` are the settings; `spool` the folder that this machine works on.
    OtherNodes(std::string database, const std::string& node, const std::string& spool);

    /// Registers this run in the table of nodes. Throws Error (config) when this node must not work beside those that
    /// are there. A database that does not answer within seconds, or lacks the table, is no error: archiving needs
    /// none.
    void enter(bool dry_run);

    /// Whether this machine has a node name, which it needs where there are several.
    bool is_named() const { return !node_.name.empty(); }

    /// Whether only this machine can store a leg of this name.
    bool is_ours(std::string_view leg) const { return is_named_by(leg, node_.name); }

    /// Whether another machine may store a leg under a name that is not ours, by what the table says at this moment.
    /// Where it says nothing, a machine with a node name has others beside it, and one without is alone.
    bool may_exist();

    /// Whether a machine without a node name archives at this moment. Where the database says nothing: no.
    bool unnamed_is_at_work();

  private:
    template <typename Question>
    std::optional<bool> ask(const Question& question);

    std::string database_;
    db::Node node_;
    std::unique_ptr<soci::session> session_; ///< while the database answers
};

} // namespace pbx::archive
