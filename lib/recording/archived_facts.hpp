// What the archive's objects of one call must be, asked of the database when it is first needed.
#pragma once

#include "base/content.hpp"
#include "db/session.hpp"
#include "remote/object.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pbx::recording {

class ArchivedFacts {
  public:
    /// Connects to the database. Throws Error.
    ArchivedFacts(const std::string& database, std::chrono::seconds timeout);

    /// The database, until the facts have been read or close() was called.
    soci::session& session() { return *session_; }

    /// Names the objects that may be needed: one query reads the facts of all. `recording` may be empty.
    void expect(const std::string& recording, const std::vector<std::string>& legs);

    /// Nothing for an object without facts. Throws Error when the database fails.
    std::optional<Content> of_recording(const std::string& name);
    /// Those of the legs that were named, by leg name.
    const KnownContents& of_legs();

    /// Ends the connection, since the facts are not needed: a reader may take its time.
    void close() { session_.reset(); }

  private:
    void read();

    std::unique_ptr<soci::session> session_;
    std::string recording_;
    std::vector<std::string> legs_;
    bool is_read_ = false;
    KnownContents recordings_;
    KnownContents of_legs_;
};

} // namespace pbx::recording
