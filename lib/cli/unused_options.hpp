// Options that the given command line would ignore.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

namespace pbx::cli {

/// Options that one way of calling a tool has no use for.
struct UnusedOptions {
    std::function<bool()> applies; ///< whether the tool was called in this way
    std::string way;               ///< "pbx-calls show"
    std::vector<const CLI::Option*> options;
};

/// Throws Error (usage) when an option is given on the command line that its way of calling the tool ignores. The
/// environment and pbx.conf may set any option, since they are for every command.
void refuse_unused(const std::vector<UnusedOptions>& all, int argc, const char* const* argv);

} // namespace pbx::cli
