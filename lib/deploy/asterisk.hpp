// The asterisk program: a private one that tries a configuration out, and the running one that loads it.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "deploy/changes.hpp"
#include "deploy/sources.hpp"

#include <string>
#include <vector>

namespace pbx::deploy {

class Asterisk {
  public:
    /// `program` is a path or a name that is looked up in PATH; `folder` holds the running Asterisk's configuration.
    Asterisk(std::string program, const Folder& folder) : program_{std::move(program)}, folder_{folder} {}

    /// Starts an Asterisk of its own, in a temporary folder, and lets it load the operator's main files, of which
    /// `mains` are to be rewritten, with `files`, the organizations'. It runs as the owner of the Asterisk folder,
    /// never as root, and opens no port and sends nothing to a provider. `peers`: whether `files` hold a trunk that is
    /// known by its address.
    ///
    /// Throws Error: data, after naming each complaint on stderr, when the loaders warn of anything that they do not
    /// warn of without our files, when something that is in the files is not there afterwards, or when with `peers`
    /// addresses decide before names; unavailable when there is no Asterisk to ask; no_permission when the program, or
    /// the asterisk.conf that names its folders, can be changed by another user.
    void validate(const std::vector<File>& files, const Texts& mains, bool peers, const Deadline& deadline) const;

    /// Lets the running Asterisk load what belongs to `main_file` again. Throws Error (unavailable, or no_permission as
    /// above).
    void reload(const std::string& main_file, const Deadline& deadline) const;

    /// Warns when in the running Asterisk addresses decide before names: it takes endpoint_identifier_order from
    /// pjsip.conf only when it starts. Throws Error as reload().
    void check_running_order(const Deadline& deadline) const;

  private:
    std::string ask_running(const std::string& question, const Deadline& deadline) const;

    std::string program_;
    const Folder& folder_;
};

} // namespace pbx::deploy
