// pbx-record: pauses the recording of a call in progress. See man/pbx-record.1.
#include "base/user.hpp"
#include "cli/app.hpp"
#include "live/pause.hpp"

int main(int argc, char** argv) {
    pbx::live::PauseRequest request;
    pbx::cli::App app{"pbx-record", "Pause and resume the recording of a call in progress"};
    app.add_database(request.database);
    app.add_spool(request.spool);
    app.add_setting("--asterisk-dir", "PBX_ASTERISK_DIR", request.console.folder, "Folder of Asterisk's configuration")
        ->type_name("DIR");
    app.add_option("--asterisk", request.console.program, "Asterisk program (default asterisk)")->type_name("PROGRAM");
    app.add_option("--account", request.account, "Only a call of this accountcode")->type_name("CODE");
    app.add_option("--org", request.organization, "Only a call of this organization, given by name, prefix or id")
        ->type_name("ORG");
    app.add_flag("--json", request.json, "With status: print one JSON document");
    app.add_timeout(request.timeout);
    app.require_subcommand(1);
    const auto add_command = [&](const char* name, const char* description) {
        auto* command = app.add_subcommand(name, description);
        command->add_option("CALL", request.call, "Linkedid, uniqueid, channel or extension")->required();
        return command;
    };
    auto* pause = add_command("pause", "Stop every recorder of a call");
    app.add_duration(*pause, "--for", request.span, "End the pause after this time (default 3m)");
    auto* resume = add_command("resume", "Continue the recordings of a call that is paused");
    resume->add_flag("--due", request.due, "Only when the time of the pause is up");
    add_command("status", "Print whether a call is recorded or paused");
    return app.run(argc, argv, [&] {
        pbx::become_owner_of(request.spool);
        request.timeout = app.timeout();
        if (pause->parsed())
            return pbx::live::pause(request);
        return resume->parsed() ? pbx::live::resume(request) : pbx::live::show_status(request);
    });
}
