// CLI11 counts what the environment and pbx.conf set, too; only the arguments show what the operator typed.
#include "cli/unused_options.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <string_view>

namespace pbx::cli {

namespace {

// Whether one of the letters of "-nq" names the option.
bool has_letter(const CLI::Option& option, std::string_view letters) {
    return std::any_of(letters.begin(), letters.end(),
                       [&](char letter) { return option.check_sname(std::string{letter}); });
}

// The argument that names the option; empty when none does.
std::string_view find_argument(const CLI::Option& option, int argc, const char* const* argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument{argv[i]};
        if (argument == "--")
            break;
        const bool is_long = argument.starts_with("--");
        const auto name = argument.substr(0, argument.find('='));
        if (is_long ? option.check_lname(std::string{name.substr(2)})
                    : argument.starts_with('-') && has_letter(option, argument.substr(1)))
            return name;
    }
    return {};
}

} // namespace

void refuse_unused(const std::vector<UnusedOptions>& all, int argc, const char* const* argv) {
    for (const auto& unused : all) {
        if (!unused.applies())
            continue;
        for (const auto* option : unused.options)
            if (const auto given = find_argument(*option, argc, argv); !given.empty())
                throw Error{Exit::usage, unused.way + " does not use " + std::string{given},
                            "leave it out, or try " + unused.way.substr(0, unused.way.find(" with ")) + " --help"};
    }
}

} // namespace pbx::cli
