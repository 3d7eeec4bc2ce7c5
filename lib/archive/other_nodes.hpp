// What the archive must know about other machines that store legs in the same place.
#pragma once

#include "db/nodes.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::archive {

/// Whether `leg` ends as only the node `node` names its legs: with -NODE.wav, or -NODE-UNIQUEID.wav (Asterisk's
/// uniqueid without a system name, "1776500000.1"), .WAV likewise. A node name without a letter proves nothing: it may
/// equal an extension's number, and a name without a node ends with the extension.
bool is_named_by(std::string_view leg, std::string_view node);

class OtherNodes {
  public:
    /// Does not query the database yet. `database` and `node` are the settings; `spool` the folder that this machine
    /// works on.
    OtherNodes(std::string database, const std::string& node, const std::string& spool);

    /// Registers this run in the table of nodes. Throws Error (config) when this node must not work beside those that
    /// are there. A database that does not answer within seconds, or lacks the table, is no error: archiving needs
    /// none.
    void enter(bool dry_run);

    /// Whether this machine has a node name, which it needs where there are several.
    bool is_named() const { return !node_.name.empty(); }

    /// Whether only this machine can store a leg of this name.
    bool is_ours(std::string_view leg) const { return is_named_by(leg, node_.name); }

    /// The ids that the archive in `remote`, a path without options, may have (archives.hpp). Nothing if the database
    /// gives no answer.
    std::optional<std::vector<std::string>> accepted_archives(const std::string& remote);

    /// Whether another machine may store a leg under a name that is not ours, according to the table at this moment.
    /// If it gives no answer, a machine with a node name is assumed to have others beside it, and one without to be
    /// alone.
    bool may_exist();

    /// Whether a machine without a node name archives at this moment. If the database gives no answer: no.
    bool unnamed_is_at_work();

  private:
    template <typename Question>
    auto ask(const Question& question) -> std::optional<decltype(question())>;

    std::string database_;
    db::Node node_;
    std::unique_ptr<soci::session> session_; ///< while the database answers
};

} // namespace pbx::archive
