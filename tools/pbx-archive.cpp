// pbx-archive: copies stitched recordings and moves legs to the archive, audits them, and verifies the archive.
#include "archive/archive.hpp"
#include "archive/audit.hpp"
#include "archive/init.hpp"
#include "archive/options.hpp"
#include "archive/verify.hpp"
#include "base/user.hpp"
#include "cli/common_options.hpp"
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
    app.add_pager();
    app.add_examples(
        {"pbx-archive -n", "pbx-archive audit --since yesterday --org acme", "pbx-archive verify --read 5%"});
    app.add_timeout(options.timeout);
    auto* min_age =
        app.add_duration(app, "--min-age", options.min_age, "Leave legs modified less than this time ago (default 5m)");
    auto* dry_run = pbx::cli::add_dry_run(app, options.dry_run);
    auto* json = app.add_flag("--json", options.json, "Print a report as one JSON document");
    auto* metrics = app.add_metrics(options.metrics);
    auto* audit =
        app.add_subcommand("audit", "Report which recordings are missing or damaged, and which calls have none");
    pbx::cli::add_when(*audit, "--since", report.since, "Only CDR rows from this time on: 25h, yesterday, 2026-04-18");
    pbx::cli::add_tenant(*audit, report.tenant.organization, report.tenant.account, "Only CDR rows");
    audit->add_flag("--summary", report.summary,
                    "Leave out legs that are sound, paused or unjudged, and calls that are unjudged");
    app.add_csv(*audit, report.csv, report.raw_csv)->excludes(json);
    auto* verify = app.add_subcommand("verify", "Compare the archive with what was archived");
    pbx::cli::add_when(*verify, "--since", verification.since,
                       "Only objects archived from this time on: 25h, yesterday, 2026-04-18");
    pbx::cli::add_tenant(*verify, verification.tenant.organization, verification.tenant.account, "Only objects");
    verify->add_option("--read", verification.read, "Read this share of the objects too, other ones in each run: 5%")
        ->type_name("N%");
    verify->add_flag("--adopt", verification.adopt, "Take the facts of objects that the database does not know");
    auto* init = app.add_subcommand("init", "Make the remote an archive, once, before the first run");
    init->add_flag("--replace", begin.replace,
                   "Accept another marker than the database remembers, or replace one that is gone or damaged");
    app.refuse_with(audit, {min_age, dry_run, metrics});
    app.refuse_with(verify, {min_age, metrics});
    app.refuse_with(init, {min_age, json, metrics});
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
