// pbx-record: pauses the recording of a call in progress. See man/pbx-record.1.
#include "base/user.hpp"
#include "cli/app.hpp"
#include "cli/common_options.hpp"
#include "live/pause.hpp"

int main(int argc, char** argv) {
    pbx::live::PauseRequest request;
    pbx::cli::App app{"pbx-record", "Pause and resume the recording of a call in progress"};
    app.add_database(request.choice.database);
    app.add_spool(request.spool);
    app.add_setting("--asterisk-dir", "PBX_ASTERISK_DIR", request.console.folder, "Folder of Asterisk's configuration")
        ->type_name("DIR");
    app.add_option("--asterisk", request.console.program, "Asterisk program (default asterisk)")->type_name("PROGRAM");
    pbx::cli::add_tenant(app, request.choice.tenant.organization, request.choice.tenant.account, "Only a call");
    auto* json = app.add_flag("--json", request.json, "With status: print one JSON document");
    auto* dry_run = pbx::cli::add_dry_run(app, request.dry_run);
    app.add_examples({"pbx-record pause 1001 --org acme --for 90s", "pbx-record resume 1776500000.1",
                      "pbx-record status 1776500000.1"});
    app.add_timeout(request.timeout);
    app.require_subcommand(1);
    const auto add_command = [&](const char* name, const char* description) {
        auto* command = app.add_subcommand(name, description);
        command->add_option("CALL", request.choice.call, "Linkedid, uniqueid, channel or extension")->required();
        return command;
    };
    auto* pause = add_command("pause", "Stop every recorder of a call");
    app.add_span(*pause, "--for", request.span, "End the pause after this time (default 3m)");
    auto* resume = add_command("resume", "Continue the recordings of a call that is paused");
    resume->add_flag("--due", request.due, "Only when the time of the pause is up");
    auto* status = add_command("status", "Print whether a call is recorded or paused");
    app.refuse_with(pause, {json});
    app.refuse_with(resume, {json});
    app.refuse_with(status, {dry_run});
    return app.run(argc, argv, [&] {
        pbx::become_owner_of(request.spool);
        request.timeout = app.timeout();
        if (pause->parsed())
            return pbx::live::pause(request);
        return resume->parsed() ? pbx::live::resume(request) : pbx::live::show_status(request);
    });
}
