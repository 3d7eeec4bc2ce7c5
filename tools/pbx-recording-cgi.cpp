// pbx-recording-cgi: serves recordings over HTTP, started by a web server. See man/pbx-recording-cgi.1.
#include "cli/places.hpp"
#include "listening/listen.hpp"

namespace {

void add_cache_options(pbx::cli::App& app, pbx::recording::DerivedCache::Options& cache) {
    app.add_option("--cache", cache.folder, "Folder for what is made of recordings (default: none, nothing is kept)")
        ->type_name("DIR");
    app.add_option_function<std::string>(
           "--cache-size",
           [&cache](const std::string& text) {
               const auto size = pbx::recording::parse_size(text);
               if (!size)
                   throw CLI::ValidationError{"--cache-size", "\"" + text + "\" is not a size such as 500M or 2G"};
               cache.most = *size;
           },
           "Most space that the cache may take (default 1G)")
        ->type_name("SIZE");
}

} // namespace

int main(int argc, char** argv) {
    using pbx::recording::Overlap;
    const auto variables = pbx::listening::take_variables();
    const bool is_request = variables.contains("REQUEST_METHOD");
    pbx::listening::ListenOptions options;
    std::string node; // accepted so that all tools can share options; reading harms no other node
    pbx::cli::App app{"pbx-recording-cgi", "Serve recordings over HTTP, as a CGI program of a web server"};
    app.add_database(options.database);
    app.add_node(node);
    add_places(app, options.places);
    app.add_setting("--link-key", "PBX_LINK_KEY", options.permission.key_file, "File of the keys that sign links")
        ->type_name("FILE");
    app.add_option("--account-header", options.permission.account_header,
                   "Header field with the account, which the web server must set itself")
        ->type_name("NAME");
    add_cache_options(app, options.cache);
    app.add_choice("--overlap", options.overlap, {{"keep", Overlap::keep}, {"trim", Overlap::trim}},
                   "Audio that two legs have in common: keep both (default), or trim the earlier leg");
    app.add_examples({"REQUEST_METHOD=HEAD PATH_INFO=/calls/1776500000.1/recording \\\n"
                      "    PBX_ACCOUNT=6f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f \\\n"
                      "    /usr/lib/pbx-recording-tools/pbx-recording-cgi"});
    app.add_timeout(options.timeout);
    if (is_request)
        app.on_bad_configuration(pbx::listening::report_bad_configuration);
    // A web server passes parts of the query as arguments: RFC 3875, section 4.4.
    return app.run(is_request ? 1 : argc, argv, [&] {
        if (!is_request)
            throw pbx::Error{pbx::Exit::usage, "this is a CGI program, and no web server has started it",
                             "configure one as \"Set up a web server\" in pbx-recording-cgi(1) describes, with an "
                             "example from /usr/share/doc/pbx-recording-tools/examples/http"};
        options.timeout = app.timeout();
        return pbx::listening::listen(options, variables);
    });
}
