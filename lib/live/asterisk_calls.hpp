// The calls in progress of the running Asterisk: its channels, their recorders, and the AstDB.
#pragma once

#include "base/deadline.hpp"
#include "deploy/console_session.hpp"
#include "live/listings.hpp"

#include <map>
#include <string>
#include <vector>

namespace pbx::live {

struct Channel {
    std::string name;
    std::string id;      ///< key_of() its unique id
    std::string call;    ///< key_of() its linkedid
    std::string linked;  ///< its linkedid
    std::string account; ///< empty when it is not known
    std::string bridge;  ///< empty when it is in none, or not known
};

/// Every function throws Error: unavailable when Asterisk does not answer; temporary when it does not do what it is
/// asked.
class AsteriskCalls {
  public:
    AsteriskCalls(const deploy::Console& console, const Deadline& deadline);

    /// Those whose name begins with `begin`.
    std::vector<Channel> channels(const std::string& begin = {}) const;
    /// Waits for those that begin at this moment, whose file Asterisk does not name yet.
    std::vector<Recorder> recorders(const std::string& channel) const;
    std::vector<GroupedChannel> groups() const;

    /// Returns when it has ended, or the channel has.
    void stop_recorder(const std::string& channel, const Recorder& recorder) const;
    /// Appends to the files of a recorder with these Recorder::arguments().
    void continue_recorder(const std::string& channel, const std::string& arguments) const;
    void set_variable(const std::string& channel, const std::string& name, const std::string& value) const;

    /// Throws Error (temporary) when Asterisk cannot use its AstDB: an entry that cannot be read looks like none.
    void require_database() const;
    /// Empty when there is no such entry.
    std::string read(const std::string& family, const std::string& key) const;
    std::map<std::string, std::string> read_all(const std::string& family, const std::string& key) const;
    void write(const std::string& family, const std::string& key, const std::string& value) const;
    void remove(const std::string& family, const std::string& key) const;

    /// Whether the dialplan has this extension, and Asterisk this dialplan function.
    bool has_extension(const std::string& context, const std::string& extension) const;
    bool has_function(const std::string& name) const;

    /// Begins a Local channel, both halves of which run the extension.
    void originate(const std::string& context, const std::string& extension) const;

  private:
    deploy::ConsoleSession session_;
};

} // namespace pbx::live
