// Options that mean the same in every tool that has them.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pbx::cli {

/// An option whose value must not be empty: a script whose variable is unset would ask for something else without
/// noticing. `name` may have a short form, and comes after it: "-o,--output".
CLI::Option* add_text(CLI::App& where, const std::string& name, std::string& value, const std::string& description);
/// The same; it can be repeated.
CLI::Option* add_texts(CLI::App& where, const std::string& name, std::vector<std::string>& values,
                       const std::string& description);

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
/// What `--account ''` is: a usage error, or the account of rows without an accountcode.
enum class EmptyAccount { refused, names_nobody };
TenantOptions add_tenant(CLI::App& where, std::string& organization, std::optional<std::string>& account,
                         const std::string& what, EmptyAccount empty = EmptyAccount::refused);

/// -n, --dry-run.
CLI::Option* add_dry_run(CLI::App& where, bool& value,
                         const std::string& description = "Print what would be done, and change nothing");

} // namespace pbx::cli
