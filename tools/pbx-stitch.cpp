// pbx-stitch: joins the legs of each call into one recording. See man/pbx-stitch.1.
#include "base/user.hpp"
#include "cli/places.hpp"
#include "recording/stitch.hpp"

int main(int argc, char** argv) {
    using pbx::recording::Overlap;
    pbx::recording::StitchOptions options;
    pbx::cli::App app{"pbx-stitch", "Join the legs of each call into one recording, stitched/<linkedid>.wav"};
    app.add_database(options.database);
    app.add_node(options.node);
    add_places(app, options.places);
    app.add_duration(app, "--since", options.since,
                     "Look at calls with a CDR row in this time before now (default 25h)");
    app.add_option("--jobs", options.jobs, "Recordings to build at a time (default: one per processor)")
        ->check(CLI::Range(1U, 256U));
    app.add_flag("--dry-run", options.dry_run, "Print what would be done, and do nothing");
    app.add_flag("--json", options.json, "Print a report as one JSON document");
    app.add_metrics(options.metrics);
    app.add_option("LINKEDID", options.linkedids, "Look at these calls only, whatever their age");
    app.add_choice("--overlap", options.overlap, {{"keep", Overlap::keep}, {"trim", Overlap::trim}},
                   "Audio that two legs have in common: keep both (default), or trim the earlier leg");
    app.add_timeout(options.timeout);
    return app.run(argc, argv, [&] {
        pbx::become_owner_of(options.places.spool);
        options.timeout = app.timeout();
        return pbx::recording::stitch(options);
    });
}
