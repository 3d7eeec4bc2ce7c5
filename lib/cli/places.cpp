// Declares the options once for all tools that work on recordings.
#include "cli/places.hpp"

namespace pbx::cli {

namespace {

using SetRule = void (*)(recording::SpaceRules&, const std::string&);

void add_space_rule(App& app, const std::string& flag, const std::string& variable, recording::SpaceRules& rules,
                    SetRule set, const std::string& description) {
    app.add_option_function<std::string>(
           flag,
           [&rules, set, flag](const std::string& text) {
               try {
                   set(rules, text);
               } catch (const Error& error) {
                   throw CLI::ValidationError{flag, error.what() + std::string{"; "} + error.hint()};
               }
           },
           description)
        ->envname(variable);
}

} // namespace

void add_places(App& app, recording::Places& places) {
    app.add_spool(places.spool);
    app.add_setting("--stitched", "PBX_STITCHED", places.stitched,
                    "Folder of stitched recordings (default SPOOL/stitched)")
        ->type_name("DIR");
    app.add_setting("--stitch-src", "PBX_STITCH_SRC", places.stitch_src,
                    "Folder for legs fetched back (default stitch-src beside the spool)")
        ->type_name("DIR");
    app.add_setting("--remote", "PBX_REMOTE", places.remote, "The archive, as an rclone path: gcs:bucket/recordings")
        ->type_name("REMOTE:PATH");
    app.add_setting("--rclone", "PBX_RCLONE", places.rclone, "rclone program (default rclone)")->type_name("PROGRAM");
    add_space_rule(app, "--reserve", "PBX_RESERVE", places.space, recording::set_reserve,
                   "Free space on the spool's file system that the recorders keep: 5% (default), 2G");
    app.after_parsing([&places] { places.resolve(); });
}

void add_keep_stitched(App& app, recording::SpaceRules& rules) {
    add_space_rule(app, "--keep-stitched", "PBX_KEEP_STITCHED", rules, recording::set_keep_stitched,
                   "How long, or how much of, the stitched recordings that the archive has stay here: 30d, 20G "
                   "(default: for ever)");
}

} // namespace pbx::cli
