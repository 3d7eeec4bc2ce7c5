// Declares the options once for all tools that work on recordings.
#include "cli/places.hpp"

namespace pbx::cli {

void add_places(App& app, recording::Places& places, StitchSrc stitch_src) {
    app.add_spool(places.spool);
    app.add_setting("--stitched", "PBX_STITCHED", places.stitched,
                    "Folder of stitched recordings (default SPOOL/stitched)")
        ->type_name("DIR");
    if (stitch_src == StitchSrc::taken)
        app.add_setting("--stitch-src", "PBX_STITCH_SRC", places.stitch_src,
                        "Folder for legs fetched back (default stitch-src beside the spool)")
            ->type_name("DIR");
    app.add_setting("--remote", "PBX_REMOTE", places.remote, "The archive, as an rclone path: gcs:bucket/recordings")
        ->type_name("REMOTE:PATH");
    app.add_setting("--rclone", "PBX_RCLONE", places.rclone, "rclone program (default rclone)")->type_name("PROGRAM");
    app.after_parsing([&places] { places.resolve(); });
}

} // namespace pbx::cli
