// Each command fills in the line and stores what to do; main() then does it.
#include "commands.hpp"

#include "options.hpp"
#include "provision/new_rows.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

namespace pbx::provision {

namespace {

// What every kind of row has: add, list, remove.
CLI::App* row(CLI::App& app, CommandLine& line, RowKind kind, const std::string& word, const std::string& name,
              std::function<Exit()> add) {
    const auto noun = word == "did" ? "DID" : word;
    auto* rows = group(app, word, "Add, list, show, change or remove " + noun + "s");
    auto* adding = command(*rows, line, prints_change, "add", "Add a " + noun, std::move(add));
    adding->add_option(name, line.name, "Its name")->required();
    take_org(adding, line);
    auto* list = command(*rows, line, reads, "list", "List " + noun + "s",
                         [&line, kind] { return list_rows(line.context, kind, line.organization); });
    take_org(list, line, false);
    auto* remove = command(*rows, line, changes, "remove", "Remove a " + noun,
                           [&line, kind] { return remove_row(line.context, kind, line.organization, line.name); });
    remove->add_option(name, line.name, "Its name")->required();
    take_org(remove, line);
    return rows;
}

void organizations(CLI::App& app, CommandLine& line) {
    auto* org = group(app, "org", "Add, list, show, change, suspend, resume or delete organizations");
    auto* add = command(*org, line, prints_change, "add", "Add an organization, and print its id and prefix",
                        [&line] { return add_organization(line.context, line.name, line.prefix, !line.unrecorded); });
    add->add_option("NAME", line.name, "Its name")->required();
    add->add_option("--prefix", line.prefix, "Beginning of its names in Asterisk (default: generated)")
        ->type_name("TEXT");
    take_unrecorded(add, line);
    command(*org, line, reads, "list", "List all organizations", [&line] { return list_organizations(line.context); });
    for (const auto& [word, status, text] :
         {std::tuple{"suspend", "suspended", "Remove an organization from Asterisk until it is resumed"},
          std::tuple{"resume", "active", "Undo suspend or delete of an organization"},
          std::tuple{"delete", "deleted", "Remove an organization from Asterisk; its rows and recordings remain"}}) {
        auto* sub = command(*org, line, changes, word, text, [&line, status = std::string{status}] {
            return set_status(line.context, line.organization, status);
        });
        sub->add_option("NAME", line.organization, "Its name, prefix or id")->required();
    }
    auto* limit = command(*org, line, changes, "limit",
                          "Limit the calls that an organization can have at the same time", [&line] {
                              return set_organization(line.context, line.organization, {{"calls", line.name}});
                          });
    limit->add_option("NAME", line.organization, "Its name, prefix or id")->required();
    limit->add_option("CALLS", line.name, "Number of calls, or none")->required();
    const auto settings = [&](const char* word, const char* text, const std::vector<FieldOption>& options) {
        auto* sub = command(*org, line, changes, word, text,
                            [&line] { return set_organization(line.context, line.organization, line.fields); });
        sub->add_option("NAME", line.organization, "Its name, prefix or id")->required();
        take_fields(sub, line, options);
    };
    settings("phones", "Set what the phones of an organization may do",
             {{"--max-contacts", "max_contacts", "N",
               "With how many devices one phone may register at the same time, or default (1)"},
              {"--codecs", "codecs", "LIST",
               "Codecs of phones and trunks between commas, the preferred one first, or default (ulaw,alaw)"}});
    settings("recordings", "Set how the calls of an organization are recorded",
             {{"--channels", "channels", "N", "1, 2 (the caller left, the called side right), or default (1)"},
              {"--rate", "rate", "N", "Samples per second: 8000, 16000, or default (8000)"}});
    settings("consent", "Set whether an organization asks for consent before calls are recorded",
             {{"--mode", "consent", "MODE", "none, external, announcement, opt_out or opt_in, or default (none)"},
              {"--prompt", "consent_prompt", "SOUND",
               "Sound of the notice, in Asterisk's folder of sounds, or default (the one that came with the suite)"}});
}

void change_organizations(CLI::App& app, CommandLine& line) {
    auto* org = app.get_subcommand("org");
    auto* show = command(*org, line, reads, "show", "Print the settings of an organization",
                         [&line] { return show_organization(line.context, line.organization); });
    show->add_option("NAME", line.organization, "Its name, prefix or id")->required();
    auto* rename = command(*org, line, prints_change, "rename",
                           "Give an organization another name; its prefix and id stay", [&line] {
                               return set_organization(line.context, line.organization, {{"name", line.name}});
                           });
    rename->add_option("NAME", line.organization, "Its name, prefix or id")->required();
    rename->add_option("NEW", line.name, "Its new name")->required();
    auto* set = command(*org, line, prints_change, "set", "Change settings of an organization",
                        [&line] { return set_organization(line.context, line.organization, line.fields); });
    set->add_option("NAME", line.organization, "Its name, prefix or id")->required();
    take_fields(set, line,
                {{"--name", "name", "TEXT", "Its new name"},
                 {"--status", "status", "{active,suspended,deleted}", "As suspend, resume and delete set it"},
                 recording_option,
                 {"--calls", "calls", "N", "How many calls it can have at the same time, or none"},
                 {"--max-contacts", "max_contacts", "N", "As for org phones"},
                 {"--codecs", "codecs", "LIST", "As for org phones"},
                 {"--channels", "channels", "N", "As for org recordings"},
                 {"--rate", "rate", "N", "As for org recordings"},
                 {"--consent", "consent", "MODE", "As --mode of org consent"},
                 {"--prompt", "consent_prompt", "SOUND", "As for org consent"}});
}

void users(CLI::App& app, CommandLine& line) {
    auto* rows = row(app, line, RowKind::user, "user", "EXTENSION", [&line] {
        line.user.extension = line.name;
        line.user.recording_enabled = line.recording();
        return add_user(line.context, line.organization, line.user, line.username);
    });
    auto* add = rows->get_subcommand("add");
    add->add_option("--name", line.user.full_name, "Full name")->type_name("TEXT");
    add->add_option("--username", line.username, "Name for other programs; not the login (default: the extension)")
        ->type_name("TEXT");
    add->add_option("--phone", line.user.phone_number, "Ring this outside number instead of a phone of the PBX")
        ->type_name("NUMBER");
    add->add_option("--endpoint", line.user.asterisk_endpoint,
                    "Name of the endpoint in Asterisk, and login of the phone (default PREFIX_EXTENSION)")
        ->type_name("TEXT");
    take_password(add, [&line](const std::string& password) { line.user.sip_password = password; });
    take_unrecorded(add, line);
    auto* show = command(*rows, line, reads, "show", "Print what a user's phone needs to log in, and the user's queues",
                         [&line] { return show_user(line.context, line.organization, line.name); });
    show->add_option("EXTENSION", line.name, "Its extension")->required();
    take_org(show, line);
    auto* set = change(rows, line, RowKind::user, "EXTENSION",
                       {{"--extension", "extension", "NUMBER", "Its new extension"},
                        {"--name", "name", "TEXT", "Full name"},
                        {"--username", "username", "TEXT", "Name for other programs; not the login"},
                        {"--phone", "phone", "NUMBER", "Ring this outside number; empty: a phone of the PBX"},
                        {"--endpoint", "endpoint", "TEXT", "Name of the endpoint in Asterisk, and login of the phone"},
                        status_option,
                        recording_option});
    take_password(set, [&line](const std::string& password) { line.fields["password"] = password; });
}

void dids(CLI::App& app, CommandLine& line) {
    auto* rows = row(app, line, RowKind::did, "did", "NUMBER", [&line] {
        line.did.number = line.name;
        line.did.recording_enabled = line.recording();
        return add_did(line.context, line.organization, line.did, line.trunk);
    });
    auto* add = rows->get_subcommand("add");
    auto* target = add->add_option_group("destination", "Where its calls go");
    for (const auto* type : {"extension", "queue", "external"})
        target
            ->add_option_function<std::string>(
                std::string{"--"} + type,
                [&line, type](const std::string& text) {
                    line.did.routing_type = type;
                    line.did.routing_destination = text;
                },
                std::string{"Calls go to this "} + (std::string_view{type} == "external" ? "outside number" : type))
            ->type_name("NUMBER");
    target->require_option(1);
    add->add_option("--trunk", line.trunk, "Trunk that its calls come from")->type_name("NAME");
    add->add_flag("--answers", line.did.answers, "Answer at once; the caller then pays for the ringing");
    take_unrecorded(add, line);
    auto* set = change(rows, line, RowKind::did, "NUMBER",
                       {{"--number", "number", "NUMBER", "Its new number"},
                        {"--trunk", "trunk", "NAME", "Trunk that its calls come from"},
                        {"--answers", "answers", "{on,off}", "Whether it answers at once"},
                        status_option,
                        recording_option});
    take_destination(set, line, "--", "leads_to", "destination");
}

void queues(CLI::App& app, CommandLine& line) {
    auto* rows = row(app, line, RowKind::queue, "queue", "NUMBER", [&line] {
        line.queue.number = line.name;
        line.queue.recording_enabled = line.recording();
        return add_queue(line.context, line.organization, line.queue);
    });
    line.queue = new_row<tenants::Queue>();
    auto* add = rows->get_subcommand("add");
    add->add_option("--name", line.queue.name, "Description")->type_name("TEXT");
    add->add_option("--strategy", line.queue.strategy, "Which members ring, as in queues.conf (default ringall)")
        ->type_name("WORD");
    add->add_option("--ring", line.queue.timeout, "Seconds that a member's phone rings (default 15)")->type_name("N");
    add->add_option("--retry", line.queue.retry, "Seconds before members ring again (default 5)")->type_name("N");
    add->add_option("--max-wait", line.queue.max_wait_time,
                    "Seconds that a caller waits at most; 0: no limit (default 300)")
        ->type_name("N");
    add->add_option("--music", line.queue.music_on_hold, "Class of music on hold (default \"default\")")
        ->type_name("WORD");
    auto* target = add->add_option_group("overflow", "Where callers go who have waited that long");
    for (const auto* type : {"extension", "queue", "external"})
        target
            ->add_option_function<std::string>(
                std::string{"--overflow-"} + type,
                [&line, type](const std::string& text) {
                    line.queue.timeout_destination_type = type;
                    line.queue.timeout_destination = text;
                },
                std::string{"To this "} + (std::string_view{type} == "external" ? "outside number" : type))
            ->type_name("NUMBER");
    target->require_option(0, 1);
    take_unrecorded(add, line);
    for (const auto& [word, text] :
         {std::pair{"join", "Make a user a member"}, std::pair{"leave", "End a membership"}}) {
        const bool join = std::string_view{word} == "join";
        auto* sub = command(*rows, line, changes, word, text, [&line, join] {
            return join ? join_queue(line.context, line.organization, line.name, line.extension, line.penalty)
                        : leave_queue(line.context, line.organization, line.name, line.extension);
        });
        sub->add_option("NUMBER", line.name, "The queue")->required();
        sub->add_option("EXTENSION", line.extension, "The user")->required();
        take_org(sub, line);
        if (join)
            sub->add_option("--penalty", line.penalty, "Members with a lower penalty ring first (default 0)")
                ->check(CLI::Range(0, 1000))
                ->type_name("N");
    }
    auto* set = change(rows, line, RowKind::queue, "NUMBER",
                       {{"--number", "number", "NUMBER", "Its new number"},
                        {"--name", "name", "TEXT", "Description"},
                        {"--strategy", "strategy", "WORD", "Which members ring, as in queues.conf"},
                        {"--ring", "ring", "N", "Seconds that a member's phone rings"},
                        {"--retry", "retry", "N", "Seconds before members ring again"},
                        {"--max-wait", "max_wait", "N", "Seconds that a caller waits at most; 0: no limit"},
                        {"--music", "music", "WORD", "Class of music on hold"},
                        {"--members", "members", "LIST", "All members: \"1001 1002:1\", with penalties"},
                        status_option,
                        recording_option});
    take_destination(set, line, "--overflow-", "overflow_to", "overflow");
}

void routes(CLI::App& app, CommandLine& line) {
    auto* rows = row(app, line, RowKind::route, "route", "NAME", [&line] {
        line.route.name = line.name;
        line.route.recording_enabled = line.recording();
        return add_route(line.context, line.organization, line.route, line.trunk);
    });
    line.route = new_row<tenants::Route>();
    auto* add = rows->get_subcommand("add");
    add->add_option("--trunk", line.trunk, "Trunk that its calls go to")->type_name("NAME");
    add->add_option("--pattern", line.route.dial_pattern,
                    "Dialled numbers that use it, as a dialplan pattern (default _X.)")
        ->type_name("PATTERN");
    add->add_option("--strip", line.route.strip_digits, "Leading digits to remove (default 0)")->type_name("N");
    add->add_option("--prepend", line.route.prepend_digits, "Digits to insert before the number")->type_name("DIGITS");
    add->add_option("--caller-id", line.route.caller_id_override, "Number that the called party sees")
        ->type_name("NUMBER");
    add->add_option("--priority", line.route.priority, "Routes with a lower number are tried first (default 100)")
        ->type_name("N");
    take_unrecorded(add, line);
    change(rows, line, RowKind::route, "NAME",
           {{"--name", "name", "TEXT", "Its new name"},
            {"--trunk", "trunk", "NAME", "Trunk that its calls go to"},
            {"--pattern", "pattern", "PATTERN", "Dialled numbers that use it"},
            {"--strip", "strip", "N", "Leading digits to remove"},
            {"--prepend", "prepend", "DIGITS", "Digits to insert before the number"},
            {"--caller-id", "caller_id", "NUMBER", "Number that the called party sees"},
            {"--priority", "priority", "N", "Routes with a lower number are tried first"},
            status_option,
            recording_option});
}

void trunks(CLI::App& app, CommandLine& line) {
    auto* rows = row(app, line, RowKind::trunk, "trunk", "NAME", [&line] {
        line.peer.name = line.name;
        return add_trunk(line.context, line.organization, line.peer);
    });
    line.peer = new_row<tenants::Trunk>();
    auto* add = rows->get_subcommand("add");
    add->add_option("--host", line.peer.host, "The carrier's host name or address")->required()->type_name("HOST");
    add->add_option("--port", line.peer.port, "Its port (default 5060)")->type_name("N");
    add->add_option("--transport", line.peer.transport, "udp, tcp or tls (default udp)")->type_name("WORD");
    add->add_option("--type", line.peer.trunk_type,
                    "peer: identified by address; register: Asterisk logs in (default peer)")
        ->type_name("WORD");
    add->add_option("--username", line.peer.username, "Name to log in with")->type_name("TEXT");
    take_password(add, [&line](const std::string& password) { line.peer.password = password; });
    for (const auto& [word, approved, text] : {std::tuple{"approve", true, "Approve its host, and print name and host"},
                                               std::tuple{"withdraw", false, "Withdraw the approval"}}) {
        auto* sub = command(*rows, line, prints_change, word, text, [&line, approved = approved] {
            return approve_trunk(line.context, line.organization, line.name, approved);
        });
        sub->add_option("NAME", line.name, "The trunk")->required();
        take_org(sub, line);
    }
    auto* set = change(rows, line, RowKind::trunk, "NAME",
                       {{"--name", "name", "TEXT", "Its new name"},
                        {"--host", "host", "HOST", "The carrier's host name or address"},
                        {"--port", "port", "N", "Its port"},
                        {"--transport", "transport", "WORD", "udp, tcp or tls"},
                        {"--type", "type", "WORD", "peer or register"},
                        {"--username", "username", "TEXT", "Name to log in with"},
                        status_option});
    take_password(set, [&line](const std::string& password) { line.fields["password"] = password; });
}

void files(CLI::App& app, CommandLine& line) {
    auto* given = command(app, line, prints_change, "apply", "Add and change the rows that a file describes",
                          [&line] { return apply_file(line.context, line.file); });
    given->add_option("FILE", line.file, "JSON lines or CSV, as export prints them; - is stdin")
        ->required()
        ->type_name("FILE");
    auto* all = command(app, line, exports, "export", "Print all rows as JSON lines", [&line] {
        return export_rows(line.context, line.organization, line.csv ? ExportForm::csv : ExportForm::json_lines,
                           line.secrets);
    });
    take_org(all, line, false);
    all->add_flag("--csv", line.csv, "Print CSV");
    all->add_flag("--secrets", line.secrets, "Print passwords, too");
}

void recording(CLI::App& app, CommandLine& line) {
    auto* rows = group(app, "recording", "Show or switch what is recorded");
    auto* show = command(*rows, line, reads, "show", "Show each row's flag, its organization's flag, and the result",
                         [&line] { return show_recording(line.context, line.organization); });
    take_org(show, line, false);
    for (const bool on : {true, false}) {
        auto kind = std::make_shared<std::optional<RowKind>>();
        auto* sub = command(*rows, line, changes, on ? "on" : "off",
                            on ? "Record an organization, or one of its rows"
                               : "Stop recording an organization, or one of its rows",
                            [&line, kind, on] {
                                return *kind ? switch_row(line.context, line.organization, **kind, line.name, on)
                                             : switch_organization(line.context, line.organization, on);
                            });
        take_org(sub, line);
        auto* target = sub->add_option_group("row", "Only this row");
        for (const auto& [flag, what, type] :
             {std::tuple{"--did", RowKind::did, "NUMBER"}, std::tuple{"--queue", RowKind::queue, "NUMBER"},
              std::tuple{"--user", RowKind::user, "EXTENSION"}, std::tuple{"--route", RowKind::route, "NAME"}})
            target
                ->add_option_function<std::string>(
                    flag,
                    [&line, kind, what = what](const std::string& text) {
                        *kind = what;
                        line.name = text;
                    },
                    std::string{"Only this "} + (what == RowKind::did ? "DID" : flag + 2))
                ->type_name(type);
        target->require_option(0, 1);
    }
}

} // namespace

void add_commands(CommandLine& line) {
    auto& app = *line.app;
    app.require_subcommand(1);
    organizations(app, line);
    change_organizations(app, line);
    users(app, line);
    dids(app, line);
    queues(app, line);
    routes(app, line);
    trunks(app, line);
    recording(app, line);
    files(app, line);
}

} // namespace pbx::provision
