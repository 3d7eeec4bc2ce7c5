// pbx-recording-fetch: one call's recording on stdout. See man/pbx-recording-fetch.1.
#include "cli/app.hpp"
#include "recording/fetch.hpp"

int main(int argc, char** argv) {
    using pbx::audio::Encoding;
    using pbx::recording::Overlap;
    pbx::recording::FetchOptions options;
    std::string node; // reading is harmless on every node: taken, so that one command line suits all tools
    pbx::cli::App app{"pbx-recording-fetch",
                      "Write one call's recording to stdout: stitched here, from the archive, or rebuilt"};
    app.add_database(options.database);
    app.add_node(node);
    app.add_spool(options.places.spool);
    app.add_stitched(options.places.stitched);
    app.add_stitch_src(options.places.stitch_src);
    app.add_remote(options.places.remote);
    app.add_rclone(options.places.rclone);
    app.add_option("CALL", options.call, "A CDR id, a uniqueid or a linkedid")->required();
    app.add_option("-o,--output", options.answer.output, "Write to FILE, which appears whole or not at all")
        ->type_name("FILE");
    app.add_option("--account", options.account, "Only a call of this accountcode")->type_name("CODE");
    app.add_option("--leg", options.leg, "One leg as it is, counted from 1")
        ->check(CLI::Range(1U, 100000U))
        ->type_name("N");
    auto* include =
        app.add_flag("-i,--include", options.answer.include, "Write headers and a blank line before the body");
    app.add_option("-D,--dump-header", options.answer.headers_file, "Write the headers to FILE")
        ->excludes(include)
        ->type_name("FILE");
    app.add_choice("--overlap", options.overlap, {{"keep", Overlap::keep}, {"trim", Overlap::trim}},
                   "Audio that two legs have: keep (legs one after the other) or trim (the later leg wins)");
    app.add_choice("--format", options.answer.encoding,
                   {{"wav", Encoding::wav}, {"flac", Encoding::flac}, {"opus", Encoding::opus}, {"mp3", Encoding::mp3}},
                   "wav (as recorded), flac, opus or mp3");
    app.add_timeout(options.timeout);
    return app.run(argc, argv, [&] {
        options.places.resolve();
        options.timeout = app.timeout();
        return pbx::recording::fetch(options);
    });
}
