// pbx-provision's commands and their options.
#pragma once

#include "cli/app.hpp"
#include "provision/provision.hpp"

#include <functional>
#include <string>

namespace pbx::provision {

// The command line as it is filled in; `work` is what the given subcommand wants.
struct CommandLine {
    Context context;
    std::string organization, name, prefix, username, trunk, extension;
    bool unrecorded = false;
    int penalty = 0;
    tenants::User user;
    tenants::Did did;
    tenants::Queue queue;
    tenants::Route route;
    tenants::Trunk peer;
    PhoneChange phones;
    RecordingChange recordings;
    ConsentChange consent;
    std::function<Exit()> work;

    tenants::RecordingFlag recording() const { return !unrecorded; }
};

void add_commands(cli::App& app, CommandLine& line);

} // namespace pbx::provision
