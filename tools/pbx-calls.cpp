// pbx-calls: lists calls, shows the CDR rows of one call, or imports rows that the database lacks.
#include "cdr/call_list.hpp"
#include "cdr/cdr_import.hpp"
#include "cdr/known_values.hpp"
#include "cli/app.hpp"
#include "cli/common_options.hpp"

namespace {

using pbx::cli::add_text;
using pbx::cli::add_when;
using pbx::cli::App;
using Options = std::vector<const CLI::Option*>;

// Which calls are listed. Returns the options.
Options add_filters(App& app, pbx::cdr::CallsRequest& request) {
    Options all;
    all.push_back(add_when(app, "--since", request.since,
                           "Only calls that started at this time or later: 25h, yesterday, 2026-04-18, "
                           "2026-04-18T14:40 (default 24h)"));
    all.push_back(add_when(app, "--until", request.until, "Only calls that started before this time"));
    all.push_back(
        add_text(app, "--number", request.number,
                 "Only calls from or to this number; with more than five digits, also longer ones that end with it")
            ->type_name("NUMBER"));
    all.push_back(add_text(app, "--extension", request.extension,
                           "Only calls in which this extension called, was called or answered")
                      ->type_name("EXTENSION"));
    all.push_back(
        add_text(app, "--direction", request.direction, "Only calls of this direction: inbound, outbound or internal")
            ->type_name("DIRECTION"));
    all.push_back(add_text(app, "--disposition", request.disposition,
                           "Only calls with this disposition: answered, no-answer, busy, failed or congestion")
                      ->type_name("DISPOSITION"));
    all.push_back(
        app.add_duration(app, "--min-duration", request.min_duration, "Only calls that lasted at least this time"));
    auto* recorded = app.add_flag("--recorded", request.recorded, "Only calls with a recording");
    all.push_back(recorded);
    all.push_back(app.add_flag("--unrecorded", request.unrecorded, "Only answered calls without a recording")
                      ->excludes(recorded));
    all.push_back(app.add_option("--limit", request.limit, "At most N calls, the newest")
                      ->check(CLI::Range(1, 1'000'000'000))
                      ->type_name("N"));
    return all;
}

CLI::App* add_import(App& app, pbx::cdr::ImportRequest& missing) {
    auto* import =
        app.add_subcommand("import", "Add the CDR rows of Asterisk's cdr_custom file that the database lacks");
    import->add_option("FILE", missing.files, "File that cdr_custom wrote; - for stdin")->required();
    app.add_duration(*import, "--min-age", missing.min_age, "Leave younger rows for the next run (default 5m)");
    app.add_spool(missing.spool);
    import->add_flag("--all", missing.from_beginning, "Read also what earlier runs have read");
    import->add_flag("--missing-ok", missing.missing_ok, "Accept that a file does not exist");
    pbx::cli::add_dry_run(*import, missing.dry_run, "Print how many rows would be added, and add none");
    return import;
}

} // namespace

int main(int argc, char** argv) {
    pbx::cdr::CallsRequest request;
    pbx::cdr::ImportRequest missing;
    std::string call;
    bool csv = false;
    bool raw_csv = false;
    App app{"pbx-calls", "List calls, show the rows of one call, or import rows that the database lacks"};
    app.add_database(request.database);
    const auto tenant = pbx::cli::add_tenant(app, request.tenant.organization, request.tenant.account, "Only calls");
    auto of_list = add_filters(app, request);
    auto* json = app.add_flag("--json", request.json, "Print one JSON document");
    auto* jsonl =
        app.add_flag("--jsonl", request.jsonl, "Print one JSON object per call, each on a line")->excludes(json);
    auto* csv_form = app.add_csv(app, csv, raw_csv)->excludes(json)->excludes(jsonl);
    of_list.push_back(jsonl);
    of_list.push_back(add_text(app, "--columns", request.columns, "Print these columns, in this order: start,from,to")
                          ->type_name("COLUMNS"));
    app.add_pager();
    app.add_examples({"pbx-calls --since yesterday --until today --org acme",
                      "pbx-calls --number 5551234 --since 1w --csv",
                      "pbx-calls --extension 1001 --direction inbound --columns start,from,talk_time",
                      "pbx-calls show 1776500000.1"});
    app.add_timeout(std::chrono::minutes{5});
    auto* show = app.add_subcommand("show", "Show all CDR rows of one call");
    show->add_option("CALL", call, "Linkedid, uniqueid, CDR id or LINKEDID/ACCOUNTCODE")->required();
    auto* import = add_import(app, missing);
    app.on_complete_values([&](const std::string& kind) { pbx::cdr::print_known_values(request.database, kind); });
    app.refuse_with(show, of_list);
    app.refuse_with(import, of_list);
    app.refuse_with(import, {tenant.organization, tenant.account, json, csv_form});
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
