// pbx-provision: manages organizations and their users, numbers, queues, routes and trunks, and what is recorded.
#include "cli/common_options.hpp"
#include "pbx-provision/commands.hpp"

int main(int argc, char** argv) {
    pbx::provision::CommandLine line;
    pbx::cli::App app{"pbx-provision", "Manage organizations, their numbers, and what is recorded"};
    app.add_database(line.context.database);
    line.app = &app;
    line.json = app.add_flag("--json", line.context.json, "Print one JSON document");
    line.dry_run =
        pbx::cli::add_dry_run(app, line.context.dry_run, "Try the change, print what it would print, and take it back");
    app.add_emergency(line.context.rules.emergency);
    app.add_pager();
    app.add_examples({"pbx-provision org add \"Acme Ltd\"", "pbx-provision user add 1001 --org acme",
                      "pbx-provision recording show --org acme"});
    app.add_timeout(std::chrono::minutes{1});
    add_commands(line);
    return app.run(argc, argv, [&] {
        line.context.timeout = app.timeout();
        return line.work();
    });
}
