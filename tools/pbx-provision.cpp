// pbx-provision: manages organizations and their users, numbers, queues, routes and trunks, and what is recorded.
#include "pbx-provision/commands.hpp"

int main(int argc, char** argv) {
    pbx::provision::CommandLine line;
    pbx::cli::App app{"pbx-provision", "Manage organizations, their numbers, and what is recorded"};
    app.add_database(line.context.database);
    app.add_flag("--json", line.context.json, "Print one JSON document");
    app.add_emergency(line.context.rules.emergency);
    app.add_timeout(std::chrono::minutes{1});
    add_commands(app, line);
    return app.run(argc, argv, [&] {
        line.context.timeout = app.timeout();
        return line.work();
    });
}
