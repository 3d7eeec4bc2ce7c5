// pbx-archive: copies stitched recordings and moves legs to the archive, audits them, and verifies the archive.
#include "archive/archive.hpp"
#include "archive/audit.hpp"
#include "archive/init.hpp"
#include "archive/options.hpp"
#include "archive/verify.hpp"
#include "base/user.hpp"
#include "cli/places.hpp"

#include <initializer_list>

using namespace pbx::archive;

int main(int argc, char** argv) {
    ArchiveOptions options;
    AuditOptions report;
    VerifyOptions verification;
    InitOptions begin;
    pbx::cli::App app{"pbx-archive", "Copy stitched recordings to the archive, then move legs there"};
    add_places(app, options.places);
    add_keep_stitched(app, options.places.space);
    app.add_database(options.database);
    app.add_node(options.node);
    app.add_timeout(options.timeout);
    app.add_duration(app, "--min-age", options.min_age, "Leave legs modified less than this time ago (default 5m)");
    app.add_flag("-n,--dry-run", options.dry_run, "Print what would be done, and change nothing");
    auto* json = app.add_flag("--json", options.json, "Print a report as one JSON document");
    app.add_metrics(options.metrics);
    auto* audit =
        app.add_subcommand("audit", "Report which recordings are missing or damaged, and which calls have none");
    audit->add_option("--since", report.since, "Only CDR rows from this time on: 25h, yesterday, 2026-04-18")
        ->type_name("WHEN");
    auto* account = audit->add_option("--account", report.account, "Only rows of this accountcode")->type_name("CODE");
    audit->add_option("--org", report.organization, "Only CDR rows of this organization, given by name, prefix or id")
        ->type_name("ORG")
        ->excludes(account);
    audit->add_flag("--summary", report.summary,
                    "Leave out legs that are sound or unjudged, and calls that are unjudged");
    app.add_csv(*audit, report.csv, report.raw_csv)->excludes(json);
    auto* verify = app.add_subcommand("verify", "Compare the archive with what was archived");
    verify->add_option("--since", verification.since, "Only objects archived from this time on: 25h, 2026-04-18")
        ->type_name("WHEN");
    verify->add_option("--read", verification.read, "Read this share of the objects too, other ones in each run: 5%")
        ->type_name("N%");
    verify->add_flag("--adopt", verification.adopt, "Take the facts of objects that the database does not know");
    auto* init = app.add_subcommand("init", "Make the remote an archive, once, before the first run");
    init->add_flag("--replace", begin.replace,
                   "Accept another marker than the database remembers, or replace one that is gone or damaged");
    return app.run(argc, argv, [&] {
        pbx::become_owner_of(options.places.spool);
        options.timeout = app.timeout();
        const CommonOptions& common = options;
        for (CommonOptions* each : std::initializer_list<CommonOptions*>{&report, &verification, &begin})
            *each = common;
        return init->parsed()     ? init_archive(begin)
               : verify->parsed() ? verify_archive(verification)
               : audit->parsed()  ? audit_recordings(report)
                                  : archive_recordings(options);
    });
}
