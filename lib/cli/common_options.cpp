// A value that cannot be read is a usage error that names the option.
#include "cli/common_options.hpp"

#include "base/error.hpp"
#include "base/moment.hpp"

#include <functional>

namespace pbx::cli {

namespace {

CLI::Option* add_time(CLI::App& where, const std::string& flag, const std::string& description,
                      const std::function<void(std::chrono::sys_seconds when, std::chrono::sys_seconds now)>& take) {
    return where
        .add_option_function<std::string>(
            flag,
            [flag, take](const std::string& text) {
                const auto now = current_second();
                try {
                    take(parse_time(text, now), now);
                } catch (const Error& error) {
                    throw CLI::ValidationError{flag, std::string{error.what()} + "; " + error.hint()};
                }
            },
            description)
        ->type_name("WHEN");
}

void require_text(const std::string& name, const std::string& text) {
    if (text.empty())
        throw CLI::ValidationError{name.substr(name.rfind(',') + 1) + " is empty"};
}

CLI::Option* add_text(CLI::App& where, const std::string& name, const std::string& description,
                      const std::function<void(const std::string&)>& take) {
    return where.add_option_function<std::string>(
        name,
        [name, take](const std::string& text) {
            require_text(name, text);
            take(text);
        },
        description);
}

} // namespace

CLI::Option* add_text(CLI::App& where, const std::string& name, std::string& value, const std::string& description) {
    return add_text(where, name, description, [&value](const std::string& text) { value = text; });
}

CLI::Option* add_texts(CLI::App& where, const std::string& name, std::vector<std::string>& values,
                       const std::string& description) {
    return where
        .add_option_function<std::vector<std::string>>(
            name,
            [name, &values](const std::vector<std::string>& texts) {
                for (const auto& text : texts)
                    require_text(name, text);
                values = texts;
            },
            description)
        ->allow_extra_args(false);
}

CLI::Option* add_when(CLI::App& where, const std::string& flag, std::optional<std::chrono::sys_seconds>& value,
                      const std::string& description) {
    return add_time(where, flag, description, [&value](auto when, auto /*now*/) { value = when; });
}

CLI::Option* add_when(CLI::App& where, const std::string& flag, std::chrono::seconds& ago,
                      const std::string& description) {
    return add_time(where, flag, description, [&ago](auto when, auto now) { ago = now - when; });
}

TenantOptions add_tenant(CLI::App& where, std::string& organization, std::optional<std::string>& account,
                         const std::string& what, EmptyAccount empty) {
    constexpr const char* flag = "--account";
    const auto description = what + " of this accountcode";
    auto* code = empty == EmptyAccount::names_nobody
                     ? where.add_option(flag, account, description)
                     : add_text(where, flag, description, [&account](const std::string& text) { account = text; });
    return {add_text(where, "--org", organization, what + " of this organization, given by name, prefix or id")
                ->type_name("ORG"),
            code->type_name("CODE")};
}

CLI::Option* add_dry_run(CLI::App& where, bool& value, const std::string& description) {
    return where.add_flag("-n,--dry-run", value, description);
}

} // namespace pbx::cli
