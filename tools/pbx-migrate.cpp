// pbx-migrate: creates the database schema and keeps it up to date.
#include "base/installed.hpp"
#include "base/output.hpp"
#include "cli/app.hpp"
#include "cli/common_options.hpp"
#include "db/migrations.hpp"

#include <fmt/format.h>

int main(int argc, char** argv) {
    pbx::cli::App app{"pbx-migrate", "Create the database schema and keep it up to date"};
    pbx::db::MigrateOptions options;
    std::string folder = pbx::installed_folder("migrations");
    std::string version;
    bool dry_run = false;
    bool json = false;
    bool force = false;
    app.add_database(options.database);
    app.add_setting("--migrations", "PBX_MIGRATIONS", folder, "Folder of migrations")->type_name("DIR");
    auto* lock_timeout = app.add_duration(app, "--lock-timeout", options.lock_timeout,
                                          "Wait this long for another pbx-migrate (default 60 s)");
    app.add_pager();
    app.add_examples({"pbx-migrate status", "pbx-migrate up -n", "pbx-migrate up"});
    app.add_timeout(std::chrono::hours{1});
    app.require_subcommand(1);
    auto* up = app.add_subcommand("up", "Apply all pending migrations");
    up->add_option("--to", version, "Stop after this version")->type_name("VERSION");
    pbx::cli::add_dry_run(*up, dry_run, "List what would be applied, and apply nothing");
    auto* status = app.add_subcommand(
        "status", "List migrations; exit 0 all applied, 1 some pending, 65 a file changed or vanished");
    status->add_flag("--json", json, "Print one JSON document");
    auto* verify = app.add_subcommand("verify", "Check the files, their order and checksums, and all indexes");
    auto* create = app.add_subcommand("new", "Create an empty migration for today");
    create->add_option("NAME", version, "A few words, for example add-voicemail")->required();
    auto* baseline = app.add_subcommand(
        "baseline", "Record all versions up to VERSION as applied, for a schema that already exists");
    baseline->add_option("VERSION", version, "The newest migration whose changes the schema has")->required();
    baseline->add_flag("--force", force, "Record them even if the schema differs from what they make");
    auto* check = app.add_subcommand(
        "check", "Compare the schema with what the migrations make; print the SQL that corrects it, and exit 1");
    check->add_option("VERSION", version, "Compare with the migrations up to this one");
    pbx::cli::add_dry_run(*baseline, dry_run, "List what would be recorded, and record nothing");
    for (const auto* command : {status, verify, create})
        app.refuse_with(command, {lock_timeout});

    return app.run(argc, argv, [&] {
        options.folder = folder;
        options.timeout = app.timeout();
        const auto work = [&] {
            if (up->parsed())
                return migrate_up(options, version, dry_run);
            if (status->parsed())
                return migrate_status(options, json);
            if (verify->parsed())
                return migrate_verify(options);
            if (baseline->parsed())
                return migrate_baseline(options, version, force, dry_run);
            if (check->parsed())
                return migrate_check(options, version);
            pbx::output::print("{}\n", pbx::db::new_migration(options.folder, version).native());
            return pbx::Exit::ok;
        };
        return work();
    });
}
