// One line of calls.jsonl: what a folder has of one call.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::collect {

struct Entry {
    std::string name;     ///< as the call was asked for
    std::string linkedid; ///< empty: there is no such call
    std::string account;
    std::string file; ///< in the folder; empty: none
    std::uint64_t size = 0;
    std::string sha256;
    std::string start;  ///< of the call; UTC, like `fetched`
    std::string source; ///< X-Recording-Source
    std::vector<std::string> legs;
    std::vector<std::string> empty;
    std::vector<std::string> missing;
    std::vector<std::string> unreadable;
    std::string consent;
    std::string paused;
    bool verified = false; ///< compared with its facts or the checksum in its manifest, or joined in this run
    std::string format;
    std::string channel;
    std::string overlap;
    std::string fetched; ///< when the call was looked at
    Exit status = Exit::ok;
    std::string absence; ///< of a call that has no recording: recording::Absent::state()
    std::string error;   ///< why it failed, or what is wrong with it

    /// The call that it is about; calls without one are told apart by their names.
    std::string key() const;
    /// Without a line break.
    std::string line() const;
    /// Nothing when the line is torn or not one of ours.
    static std::optional<Entry> parse(std::string_view line);
};

} // namespace pbx::collect
