// Each tool is asked whether it accepts the file, since sections hold options of single tools.
#include "base/installed.hpp"
#include "base/lines.hpp"
#include "base/log.hpp"
#include "base/subprocess.hpp"
#include "check/areas.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>

namespace pbx::check {

namespace {

// What a tool printed: "tool: message", then "tool: hint: what to do". A message that several tools print is reported
// once.
void add_complaint(const std::string& tool, const std::string& printed, std::set<std::string>& said,
                   Findings& findings) {
    std::string what;
    std::string hint;
    for (auto line : Lines{printed}) {
        if (!line.starts_with(tool + ": "))
            continue;
        line.remove_prefix(tool.size() + 2);
        constexpr std::string_view begin = "hint: ";
        if (line.starts_with(begin))
            hint = line.substr(begin.size());
        else
            what = line;
    }
    if (said.insert(what).second)
        findings.fail(fmt::format("{}: {}", tool, what.empty() ? "it does not run" : what),
                      hint.empty() ? "run " + tool + " --help" : hint);
}

// What `tool` prints if it rejects the configuration; nothing when it accepts it, or is not installed.
std::optional<std::string> refusal(const std::string& tool, const CheckOptions& options, const Deadline& deadline,
                                   Findings& findings) {
    const auto program = installed_tool(tool);
    if (program.empty()) {
        findings.warn(fmt::format("{} is not installed beside pbx-check", tool), "install the whole package");
        return std::nullopt;
    }
    const auto environment =
        child_environment([](std::string_view name) { return name != "PBX_CONFIG"; }, {"PBX_CONFIG=" + options.config});
    auto run = run_command({{program, "--check-configuration"}, environment, {}}, deadline);
    return run.status == 0 && !run.timed_out ? std::nullopt : std::optional{std::move(run.err)};
}

} // namespace

void check_configuration(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    if (options.config.empty()) {
        findings.ok("no configuration file: settings come from the command line and the environment");
        return;
    }
    std::set<std::string> said;
    for (const auto& tool : options.tools) {
        if (tool == log::tool())
            continue; // it has read the file itself
        if (const auto printed = refusal(tool, options, deadline, findings))
            add_complaint(tool, *printed, said, findings);
    }
    if (said.empty())
        findings.ok(options.config + " is accepted by every tool");
}

} // namespace pbx::check
