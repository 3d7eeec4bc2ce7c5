// What the archive's objects of one call, or of several, must be, asked of the database when it is first needed.
#pragma once

#include "base/content.hpp"
#include "base/deadline.hpp"
#include "db/recordings.hpp"
#include "db/session.hpp"
#include "recording/leg_sources.hpp"
#include "remote/object.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pbx::recording {

class ArchivedFacts {
  public:
    /// Connects to the database. `sources` must outlive it. Throws Error.
    ArchivedFacts(const std::string& database, std::chrono::seconds timeout, LegSources& sources,
                  const Deadline& deadline);

    /// The database, until the facts have been read or close() was called.
    soci::session& session() { return *session_; }

    /// Names objects that may be needed, once for each call: one query reads the facts of all. `recording` may be
    /// empty.
    void expect(const std::string& recording, const std::vector<std::string>& legs);

    /// Reads the facts, and which archive the remote of `sources` must be: once, before the remote is asked for
    /// anything. Throws Error when the database fails, then and at every later call.
    void prepare_archive();

    /// Nothing for an object without facts. Throws Error when the database fails.
    std::optional<Content> of_recording(const std::string& name);
    /// When the object at this path in the remote was archived, if it has facts. Asks for nothing.
    std::optional<FileTime> archived_at(const std::string& path) const;
    /// Those of the recordings that were named, by file name.
    const KnownContents& of_recordings();
    /// Those of the legs that were named, by leg name.
    const KnownContents& of_legs();

    /// Ends the connection, since the facts are not needed: a reader may take its time.
    void close() { session_.reset(); }

  private:
    void read();

    LegSources& sources_;
    Deadline deadline_;
    std::unique_ptr<soci::session> session_;
    std::vector<std::string> paths_;
    bool is_read_ = false;
    std::optional<Error> failure_; ///< without facts nothing from the archive may be used as if it had none
    KnownContents recordings_;
    KnownContents of_legs_;
    db::ArchiveTimes times_;
};

} // namespace pbx::recording
