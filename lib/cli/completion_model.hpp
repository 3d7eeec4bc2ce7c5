// What completion knows of a tool: its commands, options and the kinds of their values, from its CLI11 application.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace pbx::cli {

/// The kind of a value: "FILE", "DIR" or "PROGRAM"; "=wav mp3" for a choice of words; ",start from" for
/// words with commas between them; "@organizations" for what
/// `pbx-calls --complete-values organizations` prints; empty when nothing is known of it.
using ValueKind = std::string;

struct CompletedOption {
    std::vector<std::string> names; ///< with their dashes, the long ones first
    std::string description;
    bool takes_value = false;
    ValueKind kind;
};

struct CompletedCommand {
    std::string path; ///< "pbx-provision queue join"
    std::string description;
    std::vector<std::string> commands;    ///< below it
    std::vector<CompletedOption> options; ///< its own, and those that it inherits
    ValueKind operand;                    ///< of its arguments that are no options
};

/// The tool itself first, then each of its commands.
std::vector<CompletedCommand> completion_model(const CLI::App& app);

} // namespace pbx::cli
