// The asterisk program: a private one that tries a configuration out, and the running one that loads it.
#pragma once

#include "base/deadline.hpp"
#include "deploy/changes.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace pbx::deploy {

class Asterisk {
  public:
    /// `program` is looked up in PATH; `folder` holds the running Asterisk's configuration.
    Asterisk(std::string program, std::filesystem::path folder)
        : program_{std::move(program)}, folder_{std::move(folder)} {}

    /// Starts an Asterisk of its own, in a temporary folder, that opens no port and registers nowhere, and lets it load
    /// `files`. Throws Error: data, after naming each complaint on stderr, when the loaders warn of anything or when
    /// something that is in the files is not there afterwards; unavailable when there is no Asterisk to ask.
    void validate(const std::vector<File>& files, const Deadline& deadline) const;

    /// Lets the running Asterisk load what belongs to `main_file` anew. Throws Error (unavailable).
    void reload(const std::string& main_file, const Deadline& deadline) const;

  private:
    std::string program_;
    std::filesystem::path folder_;
};

} // namespace pbx::deploy
