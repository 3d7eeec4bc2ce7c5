// pbx-calls: lists calls, shows the CDR rows of one call, or imports rows that the database lacks.
#include "cdr/call_list.hpp"
#include "cdr/cdr_import.hpp"
#include "cli/app.hpp"

int main(int argc, char** argv) {
    pbx::cdr::CallsRequest request;
    pbx::cdr::ImportRequest missing;
    std::string call;
    bool csv = false;
    bool raw_csv = false;
    pbx::cli::App app{"pbx-calls", "List calls, show the CDR rows of one call, or import rows that the database lacks"};
    app.add_database(request.database);
    app.add_option("--org", request.organization, "Only calls of this organization, given by name, prefix or id")
        ->type_name("ORG");
    app.add_option("--since", request.since,
                   "Only calls that started at this time or later: 25h, yesterday, 2026-04-18, "
                   "2026-04-18T14:40 (default 24h)")
        ->type_name("WHEN");
    app.add_option("--until", request.until, "Only calls that started before this time")->type_name("WHEN");
    app.add_option("--number", request.number, "Only calls from or to this number, or a longer one that ends with it")
        ->type_name("NUMBER");
    app.add_option("--disposition", request.disposition,
                   "Only calls with this disposition: answered, no-answer, busy, failed or congestion")
        ->type_name("DISPOSITION");
    app.add_option("--limit", request.limit, "At most N calls, the newest")
        ->check(CLI::Range(1, 1'000'000'000))
        ->type_name("N");
    auto* json = app.add_flag("--json", request.json, "Print one JSON document");
    app.add_csv(app, csv, raw_csv)->excludes(json);
    app.add_timeout(std::chrono::minutes{5});
    auto* show = app.add_subcommand("show", "Show all CDR rows of one call");
    show->add_option("CALL", call, "Linkedid, uniqueid or CDR id")->required();
    auto* import =
        app.add_subcommand("import", "Add the CDR rows of Asterisk's cdr_custom file that the database lacks");
    import->add_option("FILE", missing.files, "File that cdr_custom wrote")->required();
    app.add_duration(*import, "--min-age", missing.min_age, "Leave younger rows for the next run (default 5m)");
    app.add_spool(missing.spool);
    import->add_flag("--all", missing.from_beginning, "Read also what earlier runs have read");
    import->add_flag("--missing-ok", missing.missing_ok, "Accept that a file does not exist");
    return app.run(argc, argv, [&] {
        request.timeout = app.timeout();
        if (csv)
            request.form = raw_csv ? pbx::Table::Form::csv_raw : pbx::Table::Form::csv;
        if (import->parsed()) {
            missing.database = request.database;
            missing.timeout = app.timeout();
            return import_rows(missing);
        }
        return show->parsed() ? show_call(request, call) : list_calls(request);
    });
}
