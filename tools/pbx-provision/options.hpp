// What the commands of pbx-provision have in common.
#pragma once

#include "commands.hpp"

#include <functional>
#include <string>
#include <vector>

namespace pbx::provision {

/// Which of these options a command uses; the others are a usage error.
struct Uses {
    bool json = false;
    bool dry_run = false;
};

inline constexpr Uses reads{.json = true};
inline constexpr Uses exports{};
inline constexpr Uses changes{.dry_run = true};
inline constexpr Uses prints_change{.json = true, .dry_run = true};

CLI::App* command(CLI::App& parent, CommandLine& line, const Uses& uses, const std::string& name,
                  const std::string& description, std::function<Exit()> work);
CLI::App* group(CLI::App& app, const std::string& name, const std::string& description);

void take_org(CLI::App* sub, CommandLine& line, bool required = true);
void take_unrecorded(CLI::App* sub, CommandLine& line);
/// A password on the command line is seen by everybody on the machine: "-" reads it from stdin.
void take_password(CLI::App* sub, std::function<void(const std::string&)> take);

/// An option of "set": its name, the field that it sets, the type of its value, and what it is.
struct FieldOption {
    const char* name;
    const char* field;
    const char* type;
    const char* text;
};

inline constexpr FieldOption status_option{"--status", "status", "{active,inactive}", "Whether it is used"};
inline constexpr FieldOption recording_option{"--recording", "recording", "{on,off}", "Whether its calls are recorded"};

void take_fields(CLI::App* sub, CommandLine& line, const std::vector<FieldOption>& options);
/// Two fields that make a destination: with `begin` "--", "--queue 5001" sets the type to queue and the destination to
/// 5001.
void take_destination(CLI::App* sub, CommandLine& line, const std::string& begin, const char* type_field,
                      const char* field);

/// The commands show, which a user has in another form, and set, with these options; returns set.
CLI::App* change(CLI::App* rows, CommandLine& line, RowKind kind, const std::string& name,
                 const std::vector<FieldOption>& options);

} // namespace pbx::provision
