// Options that mean the same in every tool that has them.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace pbx::cli {

/// An option that takes a point in time, as parse_time() reads it.
CLI::Option* add_when(CLI::App& where, const std::string& flag, std::optional<std::chrono::sys_seconds>& value,
                      const std::string& description);

/// The same; the value is how long before now that was.
CLI::Option* add_when(CLI::App& where, const std::string& flag, std::chrono::seconds& ago,
                      const std::string& description);

/// --org and --account, which both limit a command to one tenant. `what` begins their descriptions: "Only calls".
struct TenantOptions {
    CLI::Option* organization;
    CLI::Option* account;
};
TenantOptions add_tenant(CLI::App& where, std::string& organization, std::optional<std::string>& account,
                         const std::string& what);

/// -n, --dry-run.
CLI::Option* add_dry_run(CLI::App& where, bool& value,
                         const std::string& description = "Print what would be done, and change nothing");

} // namespace pbx::cli
