// Reads the database, checks its rows, and then prints, explains, compares or deploys the result.
#include "deploy/deploy.hpp"

#include "base/atomic_file.hpp"
#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "base/lock.hpp"
#include "base/log.hpp"
#include "base/output.hpp"
#include "db/nodes.hpp"
#include "db/organization_lookup.hpp"
#include "db/organizations.hpp"
#include "db/session.hpp"
#include "deploy/addresses.hpp"
#include "deploy/asterisk.hpp"
#include "deploy/asterisk_version.hpp"
#include "deploy/changes.hpp"
#include "deploy/identifier_order.hpp"
#include "deploy/notices.hpp"
#include "deploy/pending_reloads.hpp"
#include "deploy/sources.hpp"
#include "dialplan/consent_steps.hpp"
#include "dialplan/includes.hpp"
#include "dialplan/plan.hpp"
#include "dialplan/policy.hpp"
#include "dialplan/recorder.hpp"
#include "dialplan/render.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>

namespace pbx::deploy {

namespace {

using dialplan::Plan;

constexpr const char* lock_name = ".pbx-dialplan-gen.lock";

Folder open_folder(const std::string& path) {
    try {
        return Folder::open(path);
    } catch (const Error& error) {
        throw Error{error.status(), error.what(), "name the folder of Asterisk's configuration with --asterisk-dir"};
    }
}

RunLock lock(const Folder& folder) {
    try {
        return RunLock{folder, lock_name};
    } catch (const Error& error) {
        throw Error{error.status(), error.what(),
                    error.status() == Exit::temporary ? "try again when it has finished" : error.hint()};
    }
}

class Deployment {
  public:
    explicit Deployment(const Options& options) : options_{options}, deadline_{Deadline::of_run(options.timeout)} {}

    Exit work() {
        // --check ends with 1 also when nobody reads the difference to its end.
        output::go_on_without_reader();
        load();
        // Output that is only printed must not depend on a name server.
        if (options_.deploy || options_.check || options_.validate)
            separate_addresses(checked_, addresses_of_peers(checked_, deadline_));
        select();
        print_refusals_and_warnings();
        look_at_version();
        if (options_.deploy || options_.check || options_.validate)
            warn_of_missing_notices(selected_, machine(), open_folder(options_.folder));
        if (options_.validate && !options_.deploy)
            validate();
        if (options_.explain)
            explain();
        else if (options_.check)
            check();
        else if (options_.deploy)
            deploy();
        else if (!options_.validate)
            for (const auto* plan : selected_)
                output::write(dialplan::extensions_text(*plan, machine()));
        output::flush();
        return status_;
    }

  private:
    void load() {
        if (const auto fault = dialplan::spool_fault(options_.spool); !fault.empty())
            throw Error{Exit::config, fmt::format("the spool {} is refused: {}", options_.spool, fault),
                        "set --spool or PBX_SPOOL to the folder that Asterisk records into"};
        const WaitingFor waiting{"the database", Exit::unavailable};
        soci::session session;
        db::connect(session, options_.database, options_.timeout);
        if (options_.deploy)
            require_node_name(session);
        auto all = db::load_organizations(session);
        choose(all);
        checked_ = dialplan::check(std::move(all), options_.rules);
        for (const auto& plan : checked_.plans)
            active_.insert(plan.prefix());
        require_notices_folder();
        read_operators_files();
        require_free_contexts();
        dialplan::leave_out(checked_, operator_.names);
    }

    void require_notices_folder() const {
        const auto fault = dialplan::spool_fault(options_.sounds);
        for (const auto& plan : checked_.plans)
            if (dialplan::has_notice(plan.consent.mode) && plan.consent.prompt.empty() && !fault.empty())
                throw Error{Exit::config, fmt::format("the folder of sounds {} is refused: {}", options_.sounds, fault),
                            "set --sounds or PBX_SOUNDS to the folder of the notices that came with the suite"};
    }

    // Without an Asterisk folder the dialplan can still be printed.
    void read_operators_files() {
        const bool needed = options_.deploy || options_.check || options_.validate;
        std::error_code ignored;
        if (!needed && !std::filesystem::exists(options_.folder, ignored))
            return;
        try {
            operator_ = read_operator_files(open_folder(options_.folder), {});
        } catch (const Error& error) {
            if (needed)
                throw;
            log::warn("names are not compared with the operator's sections, which cannot be read: {}", error.what());
        }
    }

    void require_free_contexts() const {
        for (const auto& [context, file] : operator_.names.contexts)
            if (dialplan::is_recorder_context(context))
                throw Error{Exit::config,
                            fmt::format("context {} is already a section of the operator's {}", context, file),
                            "rename that section: the recorder's subroutines need this name"};
    }

    // The dialplan names the recordings, whose names must differ from those of other machines.
    void require_node_name(soci::session& session) const {
        if (options_.node.empty() && db::other_nodes_known(session, db::this_node("", options_.spool), deadline_))
            throw Error{
                Exit::config, "this machine has no node name, and the database knows another node; nothing was changed",
                "set \"node\" in pbx.conf to a name that no other machine has: the names of recordings end with it"};
    }

    void choose(const std::vector<tenants::Organization>& all) {
        const auto keys = db::keys_of(all);
        for (const auto& wanted : options_.organizations) {
            const auto& organization = all[db::find_organization(keys, wanted)];
            if (organization.status != "active")
                throw Error{Exit::no_input,
                            fmt::format("organization {} is {}", dialplan::harmless(organization.name),
                                        dialplan::harmless(organization.status)),
                            "pbx-provision org resume makes it active"};
            chosen_.insert(organization.context_prefix);
        }
    }

    bool selected(const std::string& prefix) const {
        return options_.organizations.empty() || chosen_.contains(prefix);
    }

    void select() {
        for (const auto& plan : checked_.plans)
            if (selected(plan.prefix()))
                selected_.push_back(&plan);
    }

    void print_refusals_and_warnings() {
        bool any = false;
        for (const auto& refusal : checked_.refusals) {
            if (!selected(refusal.prefix))
                continue;
            log::error({Exit::data, fmt::format("{} is left out: {}", refusal.row, refusal.fault), refusal.hint});
            any = true;
        }
        if (any) {
            log::warn("hint: correct these rows with pbx-provision or SQL; calls that need them fail until then, all "
                      "other rows are used");
            status_ = worst(status_, Exit::data);
        }
        for (const auto& warning : checked_.warnings)
            if (selected(warning.prefix) && warning.only_when_new)
                log::note("{}", warning.message);
            else if (selected(warning.prefix))
                log::warn("{}", warning.message);
    }

    // Only for organizations that need it, since there may be no Asterisk on the machine that prints a dialplan.
    void look_at_version() {
        std::string names;
        for (const auto* plan : selected_)
            if (plan->channels == 2)
                names += (names.empty() ? "" : ", ") + dialplan::harmless(plan->organization.name);
        if (names.empty())
            return;
        const auto version = find_version();
        if (version && !keeps_directions_in_step(*version)) {
            records_two_channels_ = false;
            log::warn(
                "calls of {} are recorded in one channel: a recorder of Asterisk {} does not keep two channels in "
                "step",
                names, *version);
            log::warn("hint: install Asterisk 18 or later, then run pbx-dialplan-gen --deploy --reload again");
        } else if (!version && options_.deploy) {
            log::warn("the version of Asterisk is not known: before 18, the two channels of calls of {} would not keep "
                      "in step",
                      names);
        }
    }

    std::optional<int> find_version() const {
        try {
            return version_of(options_.asterisk, deadline_);
        } catch (const Error& error) {
            log::note("cannot ask for the version of Asterisk: {}", error.what());
            return std::nullopt;
        }
    }

    int channels_of(const Plan& plan) const { return records_two_channels_ ? plan.channels : 1; }

    // Lines for organizations that are not recorded in the usual way.
    std::string explain_form(const Plan& plan) const {
        const auto organization = dialplan::harmless(plan.organization.name);
        std::string lines;
        if (plan.channels != 1)
            lines += fmt::format("{}\trecording\tchannels\t{}\torganizations.settings.recording_channels\t{}\n",
                                 organization, channels_of(plan), plan.channels);
        if (plan.rate != 8000)
            lines += fmt::format("{}\trecording\trate\t{}\torganizations.settings.recording_rate\t{}\n", organization,
                                 plan.rate, plan.rate);
        return lines;
    }

    void explain() const {
        auto document = nlohmann::ordered_json::array();
        std::string table = "organization\tpoint\tname\trecorded\tdecided by\tvalue\tconsent\tnotice\n";
        for (const auto* plan : selected_) {
            table += explain_form(*plan);
            const auto* consent = dialplan::word_of(plan->consent.mode);
            const auto notice = dialplan::notice_of(plan->consent, machine());
            for (const auto& point : dialplan::points(*plan)) {
                const auto organization = dialplan::harmless(plan->organization.name);
                document.push_back(
                    {{"organization", organization},
                     {"context_prefix", plan->prefix()},
                     {"point", point.kind},
                     {"name", point.name},
                     {"recorded", point.recorded},
                     {"decided_by", point.decided_by},
                     {"value", point.value},
                     {"channels", channels_of(*plan)},
                     {"rate", plan->rate},
                     {"consent", consent},
                     {"notice", notice.empty() ? nlohmann::ordered_json{} : nlohmann::ordered_json(notice)}});
                table += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", organization, point.kind, point.name,
                                     point.recorded ? "on" : "off", point.decided_by, point.value, consent, notice);
            }
        }
        output::write(options_.json ? document.dump(2) + '\n' : table);
    }

    dialplan::Machine machine() const {
        return {options_.spool, options_.node, options_.rules.emergency, options_.sounds, records_two_channels_};
    }

    std::vector<File> files() const {
        std::vector<File> result;
        result.reserve(1 + selected_.size() * dialplan::file_types.size());
        result.push_back({dialplan::recorder_file, dialplan::recorder_text(machine(), checked_.inactive)});
        for (const auto* plan : selected_) {
            const auto name = [&](const dialplan::FileType& type) {
                return type.name_begin + plan->prefix() + ".conf";
            };
            result.push_back({name(dialplan::extension_files), dialplan::extensions_text(*plan, machine())});
            result.push_back({name(dialplan::endpoint_files), dialplan::pjsip_text(*plan)});
            result.push_back({name(dialplan::queue_files), dialplan::queues_text(*plan)});
        }
        return result;
    }

    // A wrong or emptied database must not remove the phones of all organizations.
    void refuse_mass_removal(const Folder& folder) const {
        if (options_.force)
            return;
        const auto deployed = deployed_prefixes(folder);
        const auto kept = static_cast<std::size_t>(std::count_if(
            deployed.begin(), deployed.end(), [&](const auto& prefix) { return active_.contains(prefix); }));
        constexpr const char* hint = "check --database; --force deploys what this database holds";
        if (active_.empty())
            throw Error{Exit::data, "the database has no active organization; nothing was changed", hint};
        if (kept * 2 < deployed.size())
            throw Error{Exit::data,
                        fmt::format("the database has only {} of the {} deployed organizations; nothing was changed",
                                    kept, deployed.size()),
                        hint};
    }

    // Asterisk identifies the calls of a peer by the address that they come from.
    bool has_peers() const {
        return std::any_of(checked_.plans.begin(), checked_.plans.end(), [](const auto& plan) {
            const auto& trunks = plan.organization.trunks;
            return std::any_of(trunks.begin(), trunks.end(),
                               [](const auto& trunk) { return trunk.trunk_type == "peer"; });
        });
    }

    void check() {
        const auto folder = open_folder(options_.folder);
        const auto changes = compare(folder, files(), active_);
        if (const auto fault = order_fault(operator_.identifier_order); !fault.empty() && has_peers()) {
            log::warn("pjsip.conf: {}", fault);
            log::warn("hint: {}", order_hint);
        }
        if (changes.empty())
            return;
        output::write(diff(folder, changes));
        for (const auto* group : {&changes.files, &changes.removals})
            for (const auto& change : *group)
                if (change.name.starts_with(dialplan::extension_files.name_begin))
                    for (const auto& sentence :
                         dialplan::policy_changes(change.before.value_or(""), change.after.value_or("")))
                        output::write(sentence + '\n');
        status_ = worst(status_, Exit::differs);
    }

    // Validates what Asterisk would load: the files to be written, and those of other organizations that stay.
    void validate() const {
        const auto folder = open_folder(options_.folder);
        auto candidate = files();
        Texts mains;
        for (const auto& change : compare(folder, candidate, active_).mains)
            mains.emplace(change.name, *change.after);
        add_others(folder, active_, candidate);
        Asterisk{options_.asterisk, folder}.validate(candidate, mains, has_peers(), deadline_);
    }

    void deploy() {
        const auto folder = open_folder(options_.folder);
        const auto held = lock(folder);
        refuse_mass_removal(folder);
        const auto changes = compare(folder, files(), active_);
        if (options_.validate && !changes.empty())
            validate();
        auto pending = options_.reload ? read_pending_reloads(folder) : std::set<std::string>{};
        if (options_.reload && !changes.empty()) {
            for (const auto* group : {&changes.files, &changes.mains, &changes.removals})
                for (const auto& change : *group)
                    pending.insert(dialplan::main_file_of(change.name));
            write_pending_reloads(folder, pending, deadline_);
        }
        apply(folder, changes, deadline_);
        if (pending.empty())
            return;
        const Asterisk asterisk{options_.asterisk, folder};
        for (const auto& main_file : pending)
            asterisk.reload(main_file, deadline_);
        clear_pending_reloads(folder);
        if (!options_.validate)
            return;
        if (pending.contains("pjsip.conf") && has_peers())
            asterisk.check_running_order(deadline_);
        asterisk.check_running_cdr(deadline_);
        if (pending.contains("pjsip.conf"))
            asterisk.check_running_codecs(files(), deadline_);
    }

    const Options& options_;
    Deadline deadline_;
    dialplan::Checked checked_;
    OperatorFiles operator_;
    std::set<std::string> chosen_; // prefixes of the organizations that the options name
    std::set<std::string> active_;
    std::vector<const Plan*> selected_;
    bool records_two_channels_ = true;
    Exit status_ = Exit::ok;
};

} // namespace

Exit run(const Options& options) {
    return Deployment{options}.work();
}

} // namespace pbx::deploy
