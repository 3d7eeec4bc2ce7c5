// The exit status of "asterisk -rx" is 0 for most failures, so only its output is judged.
#include "deploy/console.hpp"

#include "base/error.hpp"
#include "base/lines.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/subprocess.hpp"
#include "deploy/asterisk_account.hpp"
#include "deploy/private_asterisk.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace pbx::deploy {

using namespace std::chrono_literals;

namespace {

// Warnings about its configuration precede the reason for which `asterisk -rx` failed.
std::string_view last_line_of(std::string_view text) {
    std::string_view last;
    for (const auto line : Lines{text})
        if (line.find_first_not_of(" \t\r") != std::string_view::npos)
            last = line;
    return last;
}

} // namespace

std::string ask_console(const Console& console, const std::string& command, const Deadline& deadline,
                        const std::string& hint) {
    std::vector<std::string> arguments{trusted_program(console.program, ::geteuid())};
    const auto conf = std::filesystem::path{console.folder} / "asterisk.conf";
    std::error_code ignored;
    if (std::filesystem::exists(conf, ignored))
        arguments.insert(arguments.end(), {"-C", conf.native()});
    arguments.insert(arguments.end(), {"-rx", command});
    Command run{std::move(arguments), asterisk_environment("/"), {}};
    run.most_output = console.most_output;
    auto finished = run_command(run, deadline.at_most(60s));
    if (finished.status != 0 || finished.timed_out || finished.out.find("Unable to connect") != std::string::npos)
        throw Error{
            Exit::unavailable,
            fmt::format("asterisk -rx \"{}\" failed: {}", command,
                        finished.timed_out ? "no answer" : printable(last_line_of(finished.out + finished.err), 200)),
            hint};
    log::note("asterisk -rx \"{}\"", command);
    return std::move(finished.out);
}

} // namespace pbx::deploy
