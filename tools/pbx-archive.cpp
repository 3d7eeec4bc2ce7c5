// pbx-archive: copies stitched recordings and moves legs to the archive, and audits them.
#include "archive/archive.hpp"
#include "archive/audit.hpp"
#include "archive/init.hpp"
#include "archive/options.hpp"
#include "base/user.hpp"
#include "cli/places.hpp"

int main(int argc, char** argv) {
    pbx::archive::ArchiveOptions options;
    pbx::archive::AuditOptions report;
    pbx::archive::InitOptions begin;
    pbx::cli::App app{"pbx-archive", "Copy stitched recordings to the archive, then move legs there"};
    add_places(app, options.places);
    add_keep_stitched(app, options.places.space);
    app.add_database(options.database);
    app.add_node(options.node);
    app.add_timeout(options.timeout);
    app.add_duration(app, "--min-age", options.min_age,
                     "Leave legs that were modified less than this time ago (default 5m)");
    app.add_flag("-n,--dry-run", options.dry_run, "Print what would be done, and change nothing");
    auto* json = app.add_flag("--json", options.json, "Print a report as one JSON document");
    app.add_metrics(options.metrics);
    auto* audit = app.add_subcommand(
        "audit",
        "Report where the leg of each CDR row is, whether its audio is sound, and which calls were not recorded");
    audit->add_option("--since", report.since, "Only CDR rows from this time on: 25h, yesterday, 2026-04-18")
        ->type_name("WHEN");
    auto* account =
        audit->add_option("--account", report.account, "Only CDR rows of this accountcode")->type_name("CODE");
    audit->add_option("--org", report.organization, "Only CDR rows of this organization, given by name, prefix or id")
        ->type_name("ORG")
        ->excludes(account);
    audit->add_flag("--summary", report.summary,
                    "Leave out legs that are sound or unjudged, and calls that are unjudged");
    app.add_csv(*audit, report.csv, report.raw_csv)->excludes(json);
    auto* init = app.add_subcommand("init", "Make the remote an archive, once, before the first run");
    init->add_flag("--replace", begin.replace,
                   "Accept another marker than the database remembers, or replace one that is gone or damaged");
    return app.run(argc, argv, [&] {
        pbx::become_owner_of(options.places.spool);
        options.timeout = report.timeout = begin.timeout = app.timeout();
        report.places = begin.places = options.places;
        report.database = begin.database = options.database;
        report.json = options.json;
        begin.dry_run = options.dry_run;
        if (init->parsed())
            return pbx::archive::init_archive(begin);
        return audit->parsed() ? pbx::archive::audit_recordings(report) : pbx::archive::archive_recordings(options);
    });
}
