// One function for each option or pair of commands.
#include "options.hpp"

#include "cli/common_options.hpp"

#include <iostream>
#include <string_view>
#include <utility>

namespace pbx::provision {

CLI::App* command(CLI::App& parent, CommandLine& line, const Uses& uses, const std::string& name,
                  const std::string& description, std::function<Exit()> work) {
    auto* sub = parent.add_subcommand(name, description);
    if (!uses.json)
        line.app->refuse_with(sub, {line.json});
    if (!uses.dry_run)
        line.app->refuse_with(sub, {line.dry_run});
    sub->callback([&line, work = std::move(work)] { line.work = work; });
    return sub;
}

CLI::App* group(CLI::App& app, const std::string& name, const std::string& description) {
    auto* sub = app.add_subcommand(name, description);
    sub->require_subcommand(1);
    return sub;
}

void take_org(CLI::App* sub, CommandLine& line, bool required) {
    auto* tenant = sub->add_option_group("tenant", "Which organization");
    cli::add_text(*tenant, "--org", line.organization, "Organization, given by name, prefix or id")->type_name("ORG");
    cli::add_text(*tenant, "--account", line.organization, "The same, given by its accountcode, which is its id")
        ->type_name("CODE");
    tenant->require_option(required ? 1 : 0, 1);
}

void take_unrecorded(CLI::App* sub, CommandLine& line) {
    sub->add_flag("--no-recording", line.unrecorded, "Do not record its calls");
}

void take_password(CLI::App* sub, std::function<void(const std::string&)> take) {
    sub->add_option_function<std::string>(
           "--password",
           [take = std::move(take)](const std::string& text) {
               auto password = text;
               if (text == "-" && !std::getline(std::cin, password))
                   throw CLI::ValidationError{"--password", "there is no line on stdin"};
               take(password);
           },
           "SIP password; - reads it from stdin")
        ->type_name("TEXT");
}

void take_fields(CLI::App* sub, CommandLine& line, const std::vector<FieldOption>& options) {
    for (const auto& option : options)
        sub->add_option_function<std::string>(
               option.name, [&line, field = option.field](const std::string& text) { line.fields[field] = text; },
               option.text)
            ->type_name(option.type);
}

void take_destination(CLI::App* sub, CommandLine& line, const std::string& begin, const char* type_field,
                      const char* field) {
    auto* target = sub->add_option_group("destination", "Where calls go");
    for (const auto* type : {"extension", "queue", "external"})
        target
            ->add_option_function<std::string>(
                begin + type,
                [&line, type, type_field, field](const std::string& text) {
                    line.fields[type_field] = type;
                    line.fields[field] = text;
                },
                std::string{"To this "} + (std::string_view{type} == "external" ? "outside number" : type))
            ->type_name("NUMBER");
    target->require_option(0, 1);
}

CLI::App* change(CLI::App* rows, CommandLine& line, RowKind kind, const std::string& name,
                 const std::vector<FieldOption>& options) {
    if (kind != RowKind::user) { // which has a show of its own
        auto* show = command(*rows, line, reads, "show", "Print one row without passwords",
                             [&line, kind] { return show_row(line.context, kind, line.organization, line.name); });
        show->add_option(name, line.name, "Its name")->required();
        take_org(show, line);
    }
    auto* set = command(*rows, line, prints_change, "set", "Change fields of one row", [&line, kind] {
        return set_row(line.context, kind, line.organization, line.name, line.fields);
    });
    set->add_option(name, line.name, "Its name")->required();
    take_org(set, line);
    take_fields(set, line, options);
    return set;
}

} // namespace pbx::provision
