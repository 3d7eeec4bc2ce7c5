// pbx-recording-fetch: writes the recording of one call to stdout, or of many into a folder. See
// man/pbx-recording-fetch.1.
#include "base/parallel.hpp"
#include "cli/common_options.hpp"
#include "cli/places.hpp"
#include "collect/collect.hpp"
#include "collect/wanted_calls.hpp"
#include "listening/make_link.hpp"
#include "recording/output_answer.hpp"
#include "recording/output_format.hpp"

namespace {

using pbx::cli::add_text;
using pbx::cli::App;
using pbx::recording::Overlap;

void add_call_options(App& app, std::vector<std::string>& calls, pbx::recording::FetchOptions& options) {
    auto* call =
        app.add_option("CALL", calls, "Linkedid, uniqueid, CDR id or LINKEDID/ACCOUNTCODE; - reads them from stdin");
    pbx::cli::add_tenant(app, options.organization, options.account, "Serve the call only if it is",
                         pbx::cli::EmptyAccount::names_nobody);
    auto* leg = app.add_option("--leg", options.leg, "Serve only the Nth leg, unchanged")
                    ->check(CLI::Range(1U, 100000U))
                    ->type_name("N");
    auto* file = add_text(app, "--file", options.file, "Serve the leg with this file name, also when no call names it")
                     ->excludes(call, leg)
                     ->type_name("NAME");
    auto* overlap = app.add_choice("--overlap", options.overlap, {{"keep", Overlap::keep}, {"trim", Overlap::trim}},
                                   "Audio that two legs have in common: keep both (default), or trim the earlier leg");
    app.refuse_with(leg, {overlap});
    app.refuse_with(file, {overlap});
    app.add_flag("--json", options.json, "Where there is no recording, print why on stdout, as one JSON document");
}

// Returns the option --format.
CLI::Option* add_output_options(App& app, pbx::recording::OutputOptions& output) {
    using pbx::audio::Channel, pbx::audio::Encoding;
    add_text(app, "-o,--output", output.output, "Write to FILE, which appears complete or not at all")
        ->type_name("FILE");
    auto* include =
        app.add_flag("-i,--include", output.include, "Write headers and an empty line before the recording");
    add_text(app, "-D,--dump-header", output.headers_file, "Write the headers to FILE; - is stdout")
        ->excludes(include)
        ->type_name("FILE");
    auto* format = app.add_choice(
        "--format", output.conversion.encoding,
        {{"wav", Encoding::wav}, {"flac", Encoding::flac}, {"opus", Encoding::opus}, {"mp3", Encoding::mp3}},
        "Encode as wav (default: unchanged), flac, opus or mp3; -o FILE.mp3 does it without --format");
    app.add_choice("--channel", output.conversion.channel,
                   {{"caller", Channel::caller}, {"called", Channel::called}, {"mix", Channel::mix}},
                   "One channel of a recording in two: that of the caller or of the called side, or a mix of both");
    return format;
}

void exclude(App& app, CLI::Option& option, std::initializer_list<const char*> others) {
    for (const char* other : others)
        option.excludes(app.get_option(other));
}

void add_folder_options(App& app, pbx::collect::CollectOptions& many) {
    many.jobs = pbx::default_jobs();
    auto* to = add_text(app, "--to", many.folder, "Fetch many calls into this folder, which gets a list of them")
                   ->type_name("DIR");
    exclude(app, *to, {"--leg", "--file", "--output", "--include", "--dump-header"});
    add_text(app, "--name", many.name, "Name of each file in DIR: {start}-{from}-{to} (default {call})")
        ->needs(to)
        ->type_name("TEMPLATE");
    app.add_option("-j,--jobs", many.jobs, "Recordings to write or encode at a time (default: one per processor)")
        ->needs(to)
        ->check(CLI::Range(1U, 256U));
}

void add_link_options(App& app, pbx::listening::MakeLinkOptions& link) {
    auto* wanted = app.add_flag("--link", link.wanted, "Print a signed link to the recording, and not the recording");
    exclude(app, *wanted, {"--file", "--output", "--format", "--channel", "--to"});
    app.refuse_with(wanted, {app.get_option("--include"), app.get_option("--dump-header")});
    app.add_duration(app, "--for", link.lifetime, "With --link: it expires after this time (default 24h)")
        ->needs(wanted);
    app.add_choice<std::string>("--may", link.may, {{"play", "play"}, {"download", "download"}},
                                "With --link: what it allows (default download, which includes play)")
        ->needs(wanted);
    app.add_flag("--page", link.page, "With --link: link to a page with a player")->needs(wanted);
    app.add_setting("--link-key", "PBX_LINK_KEY", link.key_file, "File of the keys that sign links")->type_name("FILE");
    app.add_setting("--link-base", "PBX_LINK_BASE", link.base, "What links begin with (default: a path only)")
        ->type_name("URL");
}

} // namespace

int main(int argc, char** argv) {
    pbx::collect::CollectOptions many;
    auto& options = many.fetch;
    pbx::recording::OutputOptions output;
    pbx::listening::MakeLinkOptions link;
    std::string node; // ignored, since reading harms no other node; accepted so that all tools can share options
    App app{"pbx-recording-fetch", "Write the recording of one call to stdout, or those of many into a folder"};
    app.add_database(options.database);
    app.add_node(node);
    add_places(app, options.places);
    add_call_options(app, many.calls, options);
    const auto* format = add_output_options(app, output);
    add_folder_options(app, many);
    add_link_options(app, link);
    app.add_examples({"pbx-recording-fetch 1776500000.1 -o call.wav", "pbx-recording-fetch 1776500000.1 -o call.mp3",
                      "pbx-recording-fetch --leg 2 1776500000.1 | play -",
                      "pbx-calls --since today | cut -f1 | pbx-recording-fetch --to calls -"});
    app.add_timeout(options.timeout);
    return app.run(argc, argv, [&] {
        options.timeout = app.timeout();
        if (!many.folder.empty()) {
            many.conversion = output.conversion;
            return collect(many);
        }
        options.call = pbx::collect::only_call(many.calls);
        if (link.wanted)
            return print_link(link, {options.database, options.places.naming(), options.call, options.account,
                                     options.organization, options.leg, options.timeout});
        auto& encoding = output.conversion.encoding;
        encoding = pbx::recording::encoding_of(output.output, *format ? std::optional{encoding} : std::nullopt);
        pbx::recording::OutputAnswer answer{output};
        return fetch(options, answer);
    });
}
