// pbx-provision's commands and their options.
#pragma once

#include "cli/app.hpp"
#include "provision/provision.hpp"

#include <functional>
#include <string>

namespace pbx::provision {

// The command line as it is filled in; `work` is what the given subcommand wants.
struct CommandLine {
    cli::App* app = nullptr;
    const CLI::Option* json = nullptr;
    const CLI::Option* dry_run = nullptr;
    Context context;
    std::string organization, name, prefix, username, trunk, extension;
    bool unrecorded = false;
    int penalty = 0;
    tenants::User user;
    tenants::Did did;
    tenants::Queue queue;
    tenants::Route route;
    tenants::Trunk peer;
    FieldTexts fields; ///< of "set", and of "org phones" and the like
    std::string file;
    bool csv = false;
    bool secrets = false;
    std::function<Exit()> work;

    tenants::RecordingFlag recording() const { return !unrecorded; }
};

/// Adds them to `line.app`.
void add_commands(CommandLine& line);

} // namespace pbx::provision
