// pbx-migrate: brings the database's schema up to date.
#include "base/installed.hpp"
#include "cli/app.hpp"
#include "db/migrations.hpp"

#include <fmt/format.h>

int main(int argc, char** argv) {
    pbx::cli::App app{"pbx-migrate", "Bring the PBX database's schema up to date"};
    pbx::db::MigrateOptions options;
    std::string folder = pbx::installed_migrations();
    std::string version;
    bool dry_run = false;
    bool json = false;
    app.add_database(options.database);
    app.add_setting("--migrations", "PBX_MIGRATIONS", folder, "Folder of migrations")->type_name("DIR");
    app.add_duration(app, "--lock-timeout", options.lock_timeout, "Wait this long for another runner (default 60 s)");
    app.add_timeout(std::chrono::hours{1});
    app.require_subcommand(1);
    auto* up = app.add_subcommand("up", "Apply what is pending");
    up->add_option("--to", version, "Stop after this version")->type_name("VERSION");
    up->add_flag("--dry-run", dry_run, "Only list what would be applied");
    auto* status =
        app.add_subcommand("status", "List migrations; exits 0 all applied, 1 pending, 65 changed or vanished");
    status->add_flag("--json", json, "Print one JSON document");
    auto* verify = app.add_subcommand("verify", "Check files, checksums, order and indexes");
    auto* create = app.add_subcommand("new", "Make an empty migration for today");
    create->add_option("NAME", version, "A few words: add-voicemail")->required();
    auto* baseline =
        app.add_subcommand("baseline", "Record versions up to VERSION as applied, for a schema that exists");
    baseline->add_option("VERSION", version, "The newest migration that the schema holds")->required();

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
                return migrate_baseline(options, version);
            fmt::print("{}\n", pbx::db::new_migration(options.folder, version).native());
            return pbx::Exit::ok;
        };
        const auto result = work();
        pbx::cli::finish_stdout();
        return result;
    });
}
