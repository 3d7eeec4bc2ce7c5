// pbx-stitch: joins the legs of each call into one recording. See man/pbx-stitch.1.
#include "base/user.hpp"
#include "cli/common_options.hpp"
#include "cli/places.hpp"
#include "recording/stitch.hpp"

int main(int argc, char** argv) {
    using pbx::recording::Overlap;
    pbx::recording::StitchOptions options;
    pbx::cli::App app{"pbx-stitch", "Join the legs of each call into one recording, stitched/<linkedid>.wav"};
    app.add_database(options.database);
    app.add_node(options.node);
    add_places(app, options.places);
    auto* since =
        pbx::cli::add_when(app, "--since", options.since,
                           "Look at calls with a CDR row from this time on: 3h, yesterday, 2026-04-18 (default 25h)");
    app.add_option("--jobs", options.jobs, "Recordings to build at a time (default: one per processor)")
        ->check(CLI::Range(1U, 256U));
    pbx::cli::add_dry_run(app, options.dry_run);
    app.add_flag("--json", options.json, "Print a report as one JSON document");
    app.add_metrics(options.metrics);
    auto* named = app.add_option("LINKEDID", options.linkedids, "Look at these calls only, whatever their age");
    app.refuse_with(named, {since});
    app.add_choice("--overlap", options.overlap, {{"keep", Overlap::keep}, {"trim", Overlap::trim}},
                   "Audio that two legs have in common: keep both (default), or trim the earlier leg");
    app.add_examples({"pbx-stitch -n --since 3d", "pbx-stitch -v", "pbx-stitch 1776500000.1"});
    app.add_timeout(options.timeout);
    return app.run(argc, argv, [&] {
        pbx::become_owner_of(options.places.spool);
        options.timeout = app.timeout();
        return pbx::recording::stitch(options);
    });
}
