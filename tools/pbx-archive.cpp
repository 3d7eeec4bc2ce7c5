// pbx-archive: stitched recordings and legs go to the remote.
#include "cli/app.hpp"
#include "recording/archive.hpp"

int main(int argc, char** argv) {
    pbx::recording::ArchiveOptions options;
    pbx::cli::App app{"pbx-archive", "Copy stitched recordings to the archive, then move legs there"};
    app.add_spool(options.places.spool);
    app.add_stitched(options.places.stitched);
    app.add_remote(options.places.remote);
    app.add_rclone(options.places.rclone);
    app.add_timeout(options.timeout);
    app.add_duration(app, "--min-age", options.min_age, "Leave legs younger than this (default 5m)");
    app.add_flag("-n,--dry-run", options.dry_run, "Say what would be done, change nothing");
    app.add_flag("--json", options.json, "Report on stdout, as one JSON document");
    return app.run(argc, argv, [&] {
        options.places.resolve();
        options.timeout = app.timeout();
        const auto status = pbx::recording::archive(options);
        pbx::cli::finish_stdout();
        return status;
    });
}
