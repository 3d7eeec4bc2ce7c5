// pbx-check: looks at everything that the recording of calls depends on. See man/pbx-check.1.
#include "base/installed.hpp"
#include "check/check.hpp"
#include "cli/config_reader.hpp"
#include "cli/places.hpp"

int main(int argc, char** argv) {
    pbx::check::CheckOptions options;
    options.migrations = pbx::installed_folder("migrations");
    options.tools.assign(pbx::cli::known_tools.begin(), pbx::cli::known_tools.end());
    pbx::cli::App app{"pbx-check", "Check everything that the recording of calls depends on"};
    add_places(app, options.places);
    app.add_database(options.database);
    app.add_node(options.node);
    app.add_setting("--migrations", "PBX_MIGRATIONS", options.migrations, "Folder of migrations")->type_name("DIR");
    app.add_setting("--asterisk-dir", "PBX_ASTERISK_DIR", options.console.folder, "Folder of Asterisk's configuration")
        ->type_name("DIR");
    app.add_setting("--link-key", "PBX_LINK_KEY", options.link_key, "File of the keys that sign links")
        ->type_name("FILE");
    app.add_emergency(options.rules.emergency);
    app.add_option("--asterisk", options.console.program, "Asterisk program (default asterisk)")->type_name("PROGRAM");
    app.add_option("--cron", options.cron,
                   "What starts the hourly runs: a crontab, or a systemd timer (default: "
                   "pbx-recording-tools.timer if systemd has enabled it, else /etc/cron.d/pbx-recording-tools)")
        ->type_name("FILE");
    app.add_flag("--fix", options.fix, "Give files that root left to the spool's owner, and create missing folders");
    app.add_flag("--json", options.json, "Print one JSON document");
    app.add_metrics(options.metrics);
    app.add_pager();
    app.add_examples({"pbx-check", "pbx-check --json"});
    app.add_timeout(options.timeout);
    const auto take_settings = [&] {
        options.timeout = app.timeout();
        options.config = app.config_file();
    };
    app.on_bad_configuration([&](const pbx::Error& fault) {
        take_settings();
        return report_bad_configuration(options, fault);
    });
    return app.run(argc, argv, [&] {
        take_settings();
        return check(options);
    });
}
