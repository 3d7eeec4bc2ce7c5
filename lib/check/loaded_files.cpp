// Organization by organization: a file that Asterisk refused, or that nobody included, is named.
#include "check/loaded_files.hpp"

#include "base/folder.hpp"
#include "deploy/asterisk_listings.hpp"
#include "deploy/asterisk_version.hpp"
#include "deploy/changes.hpp"
#include "deploy/pending_reloads.hpp"
#include "dialplan/includes.hpp"
#include "dialplan/recorder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <vector>

namespace pbx::check {

namespace {

using deploy::File;
using deploy::Names;

constexpr const char* deploy_again = "pbx-dialplan-gen --deploy --reload";

std::vector<File> deployed_files(const Folder& folder) {
    std::vector<File> files;
    deploy::add_others(folder, deploy::deployed_prefixes(folder), files);
    return files;
}

class LoadedFiles {
  public:
    LoadedFiles(const Folder& folder, const std::function<std::string(const std::string&)>& ask, Findings& findings)
        : folder_{folder}, files_{deployed_files(folder)}, ask_{ask}, findings_{findings} {}

    void check_recorder(const CheckOptions& options) {
        const auto text = deploy::read(folder_, dialplan::recorder_file);
        if (!text) {
            findings_.fail(folder_.path_of(dialplan::recorder_file) + " does not exist, so nothing is recorded",
                           deploy_again);
            return;
        }
        files_.push_back({dialplan::recorder_file, *text});
        const auto& spool = options.places.spool;
        if (text->starts_with(dialplan::recorder_text({spool, options.node, options.rules.emergency})))
            findings_.ok("the deployed dialplan is of this version, spool and node");
        else if (text->find(spool + "/") == std::string::npos)
            findings_.fail("the deployed dialplan does not record into " + spool,
                           fmt::format("correct --spool, or run {} --spool {}", deploy_again, spool));
        else
            findings_.warn("the deployed dialplan is of another version, node name or list of emergency numbers",
                           deploy_again);
    }

    void check_pending() {
        const auto pending = deploy::read_pending_reloads(folder_);
        if (!pending.empty())
            findings_.warn(
                fmt::format("Asterisk has not reloaded {} since the last deployment", fmt::join(pending, ", ")),
                deploy_again);
    }

    // Another Asterisk may have been installed since the deployment.
    void check_channels(int version) {
        const auto two = std::find_if(files_.begin(), files_.end(), [](const File& file) {
            return file.text.find("exten => channels-2,") != std::string::npos;
        });
        if (two != files_.end() && !deploy::keeps_directions_in_step(version))
            findings_.fail(fmt::format("{} records two channels, which Asterisk {} does not keep in step",
                                       folder_.path_of(two->name), version),
                           fmt::format("install Asterisk 18 or later, or run {}", deploy_again));
    }

    void compare() {
        const auto bad = findings_.all().size();
        compare_extensions();
        compare_queues();
        compare_endpoints();
        if (findings_.all().size() == bad)
            findings_.ok(fmt::format("Asterisk has loaded what is deployed: {} files, {} extensions", files_.size(),
                                     deploy::extensions_in(files_).size()));
    }

  private:
    void compare_extensions() {
        const auto listing = ask_("dialplan show");
        const auto shown = deploy::extensions_shown(listing);
        const auto steps_shown = deploy::steps_shown(listing);
        Names deployed;
        for (const auto& file : files_) {
            const auto own = deploy::extensions_in({file});
            const auto missing = deploy::without(own, shown);
            report(file.name, missing, own.size(), "extension");
            deployed.insert(own.begin(), own.end());
            // The steps of an extension that is missing are missing too.
            if (const auto steps = deploy::steps_in({file}); missing.empty())
                report(file.name, deploy::without(steps, steps_shown), steps.size(), "step");
        }
        const auto extra = deploy::without(deploy::policy_in(shown), deployed);
        if (!extra.empty())
            findings_.fail(
                fmt::format("Asterisk still has a recording policy that is not deployed any more: {}", *extra.begin()),
                "asterisk -rx 'dialplan reload'");
    }

    void compare_queues() {
        const auto shown = deploy::queues_shown(ask_("queue show"));
        for (const auto& file : files_) {
            const auto own = deploy::sections_in({file}, dialplan::queue_files, "");
            report(file.name, deploy::without(own, shown), own.size(), "queue");
        }
    }

    void compare_endpoints() {
        const auto shown = deploy::endpoints_shown(ask_("pjsip show endpoints"));
        for (const auto& file : files_) {
            const auto own = deploy::sections_in({file}, dialplan::endpoint_files, "type=endpoint");
            report(file.name, deploy::endpoints_not_shown(own, shown), own.size(), "endpoint");
        }
    }

    void report(const std::string& file, const Names& missing, std::size_t all, const std::string& what) {
        if (!missing.empty())
            findings_.fail(fmt::format("{} of {} in {} not loaded by Asterisk, the first is {}", missing.size(),
                                       counted(all, what), folder_.path_of(file), *missing.begin()),
                           fmt::format("{}; if that changes nothing, see the log of Asterisk, and run "
                                       "pbx-dialplan-gen --validate",
                                       deploy_again));
    }

    const Folder& folder_;
    std::vector<File> files_;
    const std::function<std::string(const std::string&)>& ask_;
    Findings& findings_;
};

} // namespace

bool asks_for_consent(const CheckOptions& options) {
    const auto files = deployed_files(Folder::open(options.console.folder));
    return std::any_of(files.begin(), files.end(),
                       [](const File& file) { return file.text.find("__consent]\n") != std::string::npos; });
}

void check_loaded_files(const CheckOptions& options, int version,
                        const std::function<std::string(const std::string&)>& ask, Findings& findings) {
    const auto folder = Folder::open(options.console.folder);
    LoadedFiles files{folder, ask, findings};
    files.check_recorder(options);
    files.check_pending();
    files.check_channels(version);
    files.compare();
}

} // namespace pbx::check
