// The program is asked, not the running Asterisk, which need not run while its configuration is written.
#include "deploy/asterisk_version.hpp"

#include "base/subprocess.hpp"
#include "deploy/asterisk_account.hpp"
#include "deploy/private_asterisk.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <initializer_list>

namespace pbx::deploy {

std::optional<int> version_in(std::string_view text) {
    constexpr std::string_view program = "Asterisk ";
    const auto begin = text.find(program);
    if (begin == std::string_view::npos)
        return std::nullopt;
    text.remove_prefix(begin + program.size());
    for (const std::string_view kind : {"certified/", "GIT-"})
        if (text.starts_with(kind))
            text.remove_prefix(kind.size());
    int version = 0;
    const auto [rest, fault] = std::from_chars(text.data(), text.data() + text.size(), version);
    return fault == std::errc{} && version > 0 ? std::optional{version} : std::nullopt;
}

std::optional<int> version_of(const std::string& program, const Deadline& deadline) {
    const auto path = trusted_program(program, ::geteuid());
    const auto finished =
        run_command({{path, "-V"}, asterisk_environment("/"), {}}, deadline.at_most(std::chrono::seconds{10}));
    return version_in(finished.out);
}

} // namespace pbx::deploy
