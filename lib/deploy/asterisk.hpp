// The asterisk program: a private one that tries out a configuration, and the running one that loads it.
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

    /// Starts a private Asterisk in a temporary folder, and lets it load the operator's main files, of which `mains`
    /// will be rewritten, with `files`, those of the organizations. It runs as the owner of the Asterisk folder, never
    /// as root, opens no port and sends nothing to a provider. `peers`: whether `files` contain a trunk that is
    /// identified by its address.
    ///
    /// Throws Error: data, after printing each complaint, when Asterisk logs a warning that it does not log without
    /// `files`, when it lacks something that `files` define, when with `peers` addresses are compared before names,
    /// when with the operator's cdr.conf calls leave no CDR rows, or when it cannot convert a codec that `files` allow;
    /// unavailable when there is no Asterisk; no_permission when another user can change the program, or the
    /// asterisk.conf that names its folders.
    void validate(const std::vector<File>& files, const Texts& mains, bool peers, const Deadline& deadline) const;

    /// Lets the running Asterisk reload what belongs to `main_file`. Throws Error (unavailable, or no_permission as
    /// above).
    void reload(const std::string& main_file, const Deadline& deadline) const;

    /// Throws Error (unavailable) when the running Asterisk lacks a step of `files`, or has a recording policy in one
    /// of their contexts that is not in them: "dialplan reload" fails without a word when an included file is missing.
    void require_loaded(const std::vector<File>& files, const Deadline& deadline) const;

    /// Warns when the running Asterisk compares addresses before names: it reads endpoint_identifier_order in
    /// pjsip.conf only when it starts. Throws Error as reload().
    void check_running_order(const Deadline& deadline) const;

    /// Warns when the running Asterisk does not write the CDR rows that the legs of calls need, or has no backend to
    /// write them with: it reads cdr.conf only when it starts, or with "module reload cdr". Throws Error as reload().
    void check_running_cdr(const Deadline& deadline) const;

    /// Warns when the running Asterisk cannot convert a codec that `files` allow. Throws Error as reload().
    void check_running_codecs(const std::vector<File>& files, const Deadline& deadline) const;

  private:
    std::string ask_running(const std::string& question, const Deadline& deadline) const;

    std::string program_;
    const Folder& folder_;
};

} // namespace pbx::deploy
