// pbx-recording-fetch: writes the recording of one call to stdout. See man/pbx-recording-fetch.1.
#include "cli/places.hpp"
#include "recording/fetch.hpp"

int main(int argc, char** argv) {
    using pbx::audio::Channel;
    using pbx::audio::Encoding;
    using pbx::recording::Overlap;
    pbx::recording::FetchOptions options;
    std::string node; // ignored, since reading harms no other node; accepted so that all tools can share options
    pbx::cli::App app{"pbx-recording-fetch", "Write the recording of one call to stdout, wherever it is stored"};
    app.add_database(options.database);
    app.add_node(node);
    add_places(app, options.places);
    auto* call = app.add_option("CALL", options.call, "Linkedid, uniqueid or CDR id");
    app.add_option("-o,--output", options.answer.output, "Write to FILE, which appears complete or not at all")
        ->type_name("FILE");
    app.add_option("--account", options.account, "Serve the call only if it has this accountcode")->type_name("CODE");
    auto* leg = app.add_option("--leg", options.leg, "Serve only the Nth leg, unchanged")
                    ->check(CLI::Range(1U, 100000U))
                    ->type_name("N");
    app.add_option("--file", options.file, "Serve the leg with this file name, also when no call names it")
        ->excludes(call)
        ->excludes(leg)
        ->type_name("NAME");
    auto* include =
        app.add_flag("-i,--include", options.answer.include, "Write headers and an empty line before the recording");
    app.add_option("-D,--dump-header", options.answer.headers_file, "Write the headers to FILE")
        ->excludes(include)
        ->type_name("FILE");
    app.add_choice("--overlap", options.overlap, {{"keep", Overlap::keep}, {"trim", Overlap::trim}},
                   "Audio that two legs have in common: keep both (default), or trim the earlier leg");
    app.add_choice("--format", options.answer.encoding,
                   {{"wav", Encoding::wav}, {"flac", Encoding::flac}, {"opus", Encoding::opus}, {"mp3", Encoding::mp3}},
                   "Encode as wav (default: unchanged), flac, opus or mp3");
    app.add_choice("--channel", options.answer.channel,
                   {{"caller", Channel::caller}, {"called", Channel::called}, {"mix", Channel::mix}},
                   "Of a recording in two channels only that of the caller or of the called side, or a mix of both");
    app.add_timeout(options.timeout);
    return app.run(argc, argv, [&] {
        options.timeout = app.timeout();
        return pbx::recording::fetch(options);
    });
}
