// pbx-archive: stitched recordings and legs go to the remote; its audit tells where each leg is.
#include "base/user.hpp"
#include "cli/app.hpp"
#include "recording/archive.hpp"
#include "recording/audit.hpp"

int main(int argc, char** argv) {
    pbx::recording::ArchiveOptions options;
    pbx::recording::AuditOptions report;
    pbx::cli::App app{"pbx-archive", "Copy stitched recordings to the archive, then move legs there"};
    app.add_spool(options.places.spool);
    app.add_stitched(options.places.stitched);
    app.add_remote(options.places.remote);
    app.add_rclone(options.places.rclone);
    app.add_database(options.database);
    app.add_node(options.node);
    app.add_timeout(options.timeout);
    app.add_duration(app, "--min-age", options.min_age, "Leave legs younger than this (default 5m)");
    app.add_flag("-n,--dry-run", options.dry_run, "Say what would be done, change nothing");
    app.add_flag("--json", options.json, "Report on stdout, as one JSON document");
    app.add_metrics(options.metrics);
    auto* audit = app.add_subcommand("audit", "Report where the leg of every recorded CDR row is");
    audit->add_option("--since", report.since, "Only rows from this moment on: 25h, yesterday, 2026-04-18")
        ->type_name("WHEN");
    audit->add_option("--account", report.account, "Only rows of this accountcode")->type_name("CODE");
    audit->add_flag("--summary", report.summary, "Leave out the rows whose leg exists");
    return app.run(argc, argv, [&] {
        options.places.resolve();
        pbx::become_owner_of(options.places.spool);
        options.timeout = report.timeout = app.timeout();
        report.places = options.places;
        report.database = options.database;
        report.json = options.json;
        const auto status = audit->parsed() ? pbx::recording::audit(report) : pbx::recording::archive(options);
        pbx::cli::finish_stdout();
        return status;
    });
}
