// pbx-dialplan-gen: writes Asterisk's configuration, with the recording policy in it, from the database.
#include "base/installed.hpp"
#include "cli/app.hpp"
#include "cli/common_options.hpp"
#include "deploy/deploy.hpp"

int main(int argc, char** argv) {
    pbx::deploy::Options options;
    options.sounds = pbx::installed_folder("sounds");
    pbx::cli::App app{"pbx-dialplan-gen", "Write Asterisk's dialplan, phones, trunks and queues from the database"};
    app.add_database(options.database);
    app.add_spool(options.spool);
    app.add_node(options.node);
    app.add_setting("--asterisk-dir", "PBX_ASTERISK_DIR", options.folder, "Folder of Asterisk's configuration")
        ->type_name("DIR");
    app.add_setting("--sounds", "PBX_SOUNDS", options.sounds, "Folder of the notices that came with the suite")
        ->type_name("DIR");
    app.add_option("--asterisk", options.asterisk, "Asterisk program, for --validate and --reload (default asterisk)")
        ->type_name("PROGRAM");
    pbx::cli::add_texts(app, "--org", options.organizations,
                        "Only this organization, given by name, prefix or id; can be repeated")
        ->type_name("ORG");
    pbx::cli::add_texts(app, "--account", options.accounts,
                        "Only the organization of this accountcode; can be repeated")
        ->type_name("CODE");
    app.add_emergency(options.rules.emergency);
    auto* deploy = app.add_flag("--deploy", options.deploy,
                                "Write the files that changed into the folder of Asterisk's configuration");
    pbx::cli::add_dry_run(app, options.dry_run, "With --deploy: print what would change, and change nothing")
        ->needs(deploy);
    auto* check = app.add_flag("--check", options.check, "Print what --deploy would change; exit 1 if anything would");
    auto* explain = app.add_flag("--explain", options.explain,
                                 "Print for each recording point whether it records, and what decides it");
    app.add_flag("--json", options.json, "With --explain: print one JSON document")->needs(explain);
    app.add_flag("--validate", options.validate,
                 "First load the configuration in a private Asterisk; deploy nothing that it rejects");
    app.add_flag("--reload", options.reload, "Make the running Asterisk load what changed")->needs(deploy);
    app.add_flag("--force", options.force, "Deploy even if most of the deployed organizations would be removed")
        ->needs(deploy);
    deploy->excludes(check)->excludes(explain);
    check->excludes(explain);
    app.add_pager();
    app.add_examples({"pbx-dialplan-gen --check", "pbx-dialplan-gen --deploy --validate --reload",
                      "pbx-dialplan-gen --explain --org acme"});
    app.add_timeout(std::chrono::minutes{5});
    return app.run(argc, argv, [&] {
        options.timeout = app.timeout();
        return pbx::deploy::run(options);
    });
}
