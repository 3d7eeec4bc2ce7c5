// pbx-calls: lists calls, and tells one.
#include "cdr/call_list.hpp"
#include "cli/app.hpp"

int main(int argc, char** argv) {
    pbx::cdr::CallsRequest request;
    std::string call;
    std::string csv;
    pbx::cli::App app{"pbx-calls", "List calls, or show one row by row"};
    app.add_database(request.database);
    app.add_option("--org", request.organization, "Only this organization, by name, prefix or id")->type_name("ORG");
    app.add_option("--since", request.since,
                   "From this moment on: 25h, yesterday, 2026-04-18, 2026-04-18T14:40 "
                   "(default 24h)")
        ->type_name("WHEN");
    app.add_option("--until", request.until, "Before this moment")->type_name("WHEN");
    app.add_option("--number", request.number, "Only calls from or to this number; the last digits will do")
        ->type_name("NUMBER");
    app.add_option("--disposition", request.disposition, "Only answered, no-answer, busy, failed or congestion")
        ->type_name("WORD");
    app.add_option("--limit", request.limit, "At most so many calls, the newest")
        ->check(CLI::Range(1, 1'000'000'000))
        ->type_name("N");
    auto* json = app.add_flag("--json", request.json, "Print one JSON document");
    app.add_flag("--csv", csv, "Print CSV; --csv=raw leaves cells that a spreadsheet would run as they are")
        ->check([](const std::string& form) {
            return form == "true" || form == "false" || form == "raw" ? std::string{} : "\"" + form + "\" is not raw";
        })
        ->excludes(json);
    app.add_timeout(std::chrono::minutes{5});
    auto* show = app.add_subcommand("show", "Show the journey of one call, row by row");
    show->add_option("CALL", call, "CDR id, linkedid or uniqueid")->required();
    return app.run(argc, argv, [&] {
        request.timeout = app.timeout();
        if (csv == "true" || csv == "raw")
            request.form = csv == "raw" ? pbx::Table::Form::csv_raw : pbx::Table::Form::csv;
        const auto status = show->parsed() ? show_call(request, call) : list_calls(request);
        pbx::cli::finish_stdout();
        return status;
    });
}
