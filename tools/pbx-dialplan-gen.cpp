// pbx-dialplan-gen: the recording policy, as the database holds it, becomes Asterisk's configuration.
#include "cli/app.hpp"
#include "deploy/deploy.hpp"

int main(int argc, char** argv) {
    pbx::deploy::Request request;
    pbx::cli::App app{"pbx-dialplan-gen", "Write the organizations' dialplan, phones, trunks and queues for Asterisk"};
    app.add_database(request.database);
    app.add_spool(request.spool);
    app.add_node(request.node);
    app.add_setting("--asterisk-dir", "PBX_ASTERISK_DIR", request.folder, "Folder of Asterisk's configuration")
        ->type_name("DIR");
    app.add_option("--asterisk", request.asterisk, "The asterisk program, for --validate and --reload")
        ->type_name("PROGRAM");
    app.add_option("--org", request.organizations, "Only this organization, by name, prefix or id; may be repeated")
        ->type_name("ORG")
        ->allow_extra_args(false);
    app.add_emergency(request.rules.emergency);
    auto* deploy = app.add_flag("--deploy", request.deploy, "Write what changed into the Asterisk folder");
    auto* check = app.add_flag("--check", request.check, "Print what --deploy would change, and exit 1 if anything");
    auto* explain = app.add_flag("--explain", request.explain, "Print who is recorded, and which row decides it");
    app.add_flag("--json", request.json, "With --explain: as one JSON document")->needs(explain);
    app.add_flag("--validate", request.validate,
                 "First load it all in a private Asterisk; deploy nothing that it complains about");
    app.add_flag("--reload", request.reload, "Then let Asterisk load what changed")->needs(deploy);
    app.add_flag("--force", request.force, "Deploy even when most of what is deployed would go")->needs(deploy);
    deploy->excludes(check)->excludes(explain);
    check->excludes(explain);
    app.add_timeout(std::chrono::minutes{5});
    return app.run(argc, argv, [&] {
        request.timeout = app.timeout();
        return pbx::deploy::run(request);
    });
}
