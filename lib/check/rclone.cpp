// Checks the program itself; the area "remote" checks what it reaches.
#include "base/lines.hpp"
#include "base/printable.hpp"
#include "base/subprocess.hpp"
#include "check/areas.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

namespace pbx::check {

namespace {

using Version = std::pair<int, int>;

// The oldest and the newest with which docs/rclone.md was measured.
constexpr Version oldest{1, 60};

// Of "rclone v1.60.1-DEV".
std::optional<Version> version_in(std::string_view line) {
    constexpr std::string_view begin = "rclone v";
    if (!line.starts_with(begin))
        return std::nullopt;
    line.remove_prefix(begin.size());
    Version version;
    const auto* const end = line.data() + line.size();
    const auto major = std::from_chars(line.data(), end, version.first);
    if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.')
        return std::nullopt;
    return std::from_chars(major.ptr + 1, end, version.second).ec == std::errc{} ? std::optional{version}
                                                                                 : std::nullopt;
}

} // namespace

void check_rclone(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    const auto& program = options.places.rclone;
    const auto environment =
        child_environment([](std::string_view name) { return !name.starts_with("PG") && !name.starts_with("PBX_"); });
    constexpr std::size_t a_few_lines = 65536;
    Command command{{program, "version"}, environment, {}};
    command.most_output = a_few_lines;
    const auto run = run_command(command, deadline);
    const std::string first{run.out.substr(0, run.out.find('\n'))};
    const auto version = version_in(first);
    if (run.timed_out)
        findings.fail(fmt::format("{} version gives no answer", program), "check --rclone");
    else if (!version)
        findings.fail(fmt::format("{} is not rclone: it prints \"{}\" for its version", program, printable(first, 60)),
                      "install rclone, and check --rclone");
    else if (*version < oldest)
        findings.warn(fmt::format("{} is older than 1.60, the oldest that was tested", first), "install a newer one");
    else
        findings.ok(first);
}

} // namespace pbx::check
