// Declares the options once for all tools that work on recordings.
#include "cli/places.hpp"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

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

// rclone checks the rest: it also takes "10M:512k" and a table of times.
std::string bandwidth_fault(const std::string& text) {
    const auto is_fit = [](unsigned char c) {
        return std::isalnum(c) != 0 || std::string_view{".,:- "}.find(static_cast<char>(c)) != std::string_view::npos;
    };
    const bool has_number = text == "off" || text.find_first_of("0123456789") != std::string::npos;
    const bool fits = has_number && text.front() != '-' && std::all_of(text.begin(), text.end(), is_fit);
    return fits ? std::string{} : "\"" + text + "\" is not a rate such as 512k, 1M or 10M:512k";
}

} // namespace

void add_places(App& app, recording::Places& places) {
    app.add_spool(places.spool);
    app.add_choice("--spool-layout", places.layout, {{"flat", SpoolLayout::flat}, {"dated", SpoolLayout::dated}},
                   "How legs lie in the spool: flat (default), or dated: also in YYYY/MM/DD below it")
        ->envname("PBX_SPOOL_LAYOUT");
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
                   "Space to leave free for Asterisk on the spool's file system: 5% (default), 2G");
    app.add_setting("--bandwidth", "PBX_BANDWIDTH", places.transfers.bandwidth,
                    "Limit transfers to this rate, as bwlimit of rclone does: 1M is a megabyte per second")
        ->type_name("RATE")
        ->check(bandwidth_fault);
    app.add_option("--transfers", places.transfers.transfers,
                   "Objects that travel at once (default: as many as the line carries, at most 8)")
        ->envname("PBX_TRANSFERS")
        ->check(CLI::Range(1U, 64U))
        ->type_name("N");
    app.after_parsing([&places] { places.resolve(); });
}

void add_keep_stitched(App& app, recording::SpaceRules& rules) {
    add_space_rule(app, "--keep-stitched", "PBX_KEEP_STITCHED", rules, recording::set_keep_stitched,
                   "Keep stitched recordings that the archive has for this time, or up to this total size: 30d, 20G "
                   "(default: as long as the reserve is free)");
}

} // namespace pbx::cli
