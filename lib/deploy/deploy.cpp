// Reads the database, checks its rows, and then prints, explains, compares or deploys the result.
#include "deploy/deploy.hpp"

#include "base/atomic_file.hpp"
#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "base/lock.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/pager.hpp"
#include "base/table.hpp"
#include "db/nodes.hpp"
#include "db/organization_lookup.hpp"
#include "db/organizations.hpp"
#include "db/session.hpp"
#include "deploy/addresses.hpp"
#include "deploy/asterisk.hpp"
#include "deploy/asterisk_account.hpp"
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
#include <version.hpp>

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
        if (options_.deploy && !options_.dry_run)
            take_turn();
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
        else if (options_.deploy && options_.dry_run)
            deploy_on_trial();
        else if (options_.deploy)
            deploy();
        else if (!options_.validate)
            for (const auto* plan : selected_)
                output::write(dialplan::extensions_text(*plan, machine()));
        output::flush();
        return status_;
    }

  private:
    // Before the database is read: what was read earlier must not replace what another run has deployed since.
    void take_turn() {
        folder_.emplace(open_folder(options_.folder));
        held_.emplace(lock(*folder_));
    }

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
        for (const auto& wanted : options_.organizations)
            choose(all[db::find_organization(keys, wanted)]);
        const auto named = chosen_;
        for (const auto& account : options_.accounts) {
            const auto found =
                std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.id == account; });
            if (found == all.end())
                throw Error{Exit::no_input, fmt::format("no organization has the accountcode \"{}\"", shown(account)),
                            "an accountcode is an organization's id; pbx-provision org list shows them"};
            choose(*found);
        }
        if (!named.empty() && named != chosen_)
            throw Error{Exit::usage, "--org and --account name different organizations", "give one of them"};
    }

    void choose(const tenants::Organization& organization) {
        if (organization.status != "active")
            throw Error{Exit::no_input,
                        fmt::format("organization {} is {}", dialplan::harmless(organization.name),
                                    dialplan::harmless(organization.status)),
                        "pbx-provision org resume makes it active"};
        chosen_.insert(organization.context_prefix);
    }

    bool selected(const std::string& prefix) const { return chosen_.empty() || chosen_.contains(prefix); }

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

    static Table explanation_table() {
        return {{{.name = "organization", .width = 12},
                 {.name = "point", .width = 9, .is_kept = true},
                 {.name = "name", .width = 8, .is_kept = true, .is_text = true},
                 {.name = "recorded", .width = 8, .is_kept = true, .colour = colour_of_switch},
                 {.name = "decided by", .width = 10, .is_text = true},
                 {.name = "value", .width = 6},
                 {.name = "consent", .width = 12},
                 {.name = "notice", .width = 10, .is_text = true}},
                Table::Form::automatic};
    }

    static Colour colour_of_switch(const std::string& recorded) {
        return recorded == "on" ? Colour::green : recorded == "off" ? Colour::yellow : Colour::none;
    }

    // For organizations that are not recorded in the usual way.
    void explain_form(const Plan& plan, Table& table) const {
        const auto add = [&](const char* name, const std::string& effective, const char* setting, int value) {
            table.row({dialplan::harmless(plan.organization.name), "recording", name, effective,
                       std::string{"organizations.settings."} + setting, std::to_string(value), "", ""});
        };
        if (plan.channels != 1)
            add("channels", std::to_string(channels_of(plan)), "recording_channels", plan.channels);
        if (plan.rate != 8000)
            add("rate", std::to_string(plan.rate), "recording_rate", plan.rate);
    }

    void explain() const {
        pager::begin();
        options_.json ? explain_as_json() : explain_as_table();
    }

    void explain_as_table() const {
        auto table = explanation_table();
        for (const auto* plan : selected_) {
            explain_form(*plan, table);
            for (const auto& point : dialplan::points(*plan))
                table.row({dialplan::harmless(plan->organization.name), point.kind, point.name,
                           point.recorded ? "on" : "off", point.decided_by, point.value,
                           dialplan::word_of(plan->consent.mode), dialplan::notice_of(plan->consent, machine())});
        }
        table.finish();
    }

    void explain_as_json() const {
        auto document = nlohmann::ordered_json::array();
        for (const auto* plan : selected_) {
            const auto notice = dialplan::notice_of(plan->consent, machine());
            for (const auto& point : dialplan::points(*plan))
                document.push_back(
                    {{"schema", 1},
                     {"version", version},
                     {"organization", dialplan::harmless(plan->organization.name)},
                     {"context_prefix", plan->prefix()},
                     {"point", point.kind},
                     {"name", point.name},
                     {"recorded", point.recorded},
                     {"decided_by", point.decided_by},
                     {"value", point.value},
                     {"channels", channels_of(*plan)},
                     {"rate", plan->rate},
                     {"consent", dialplan::word_of(plan->consent.mode)},
                     {"notice", notice.empty() ? nlohmann::ordered_json{} : nlohmann::ordered_json(notice)}});
        }
        output::write(document.dump(2) + '\n');
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
        const auto changes = find_changes(folder);
        if (const auto fault = order_fault(operator_.identifier_order); !fault.empty() && has_peers()) {
            log::warn("pjsip.conf: {}", fault);
            log::warn("hint: {}", order_hint);
        }
        if (changes.empty())
            return;
        print_changes(folder, changes);
        status_ = Exit::differs; // also beside a row that is left out: a difference must be seen
    }

    static void print_changes(const Folder& folder, const Changes& changes) {
        pager::begin();
        output::write(diff(folder, changes));
        for (const auto* group : {&changes.files, &changes.removals})
            for (const auto& change : *group)
                if (change.name.starts_with(dialplan::extension_files.name_begin))
                    for (const auto& sentence :
                         dialplan::policy_changes(change.before.value_or(""), change.after.value_or("")))
                        output::write(sentence + '\n');
    }

    Changes find_changes(const Folder& folder) const {
        auto changes = compare(folder, files(), active_);
        for (const auto& name : changes.left_out) {
            const std::string prefix{dialplan::prefix_of_file(name)};
            log::warn("{} is not included any more: there is no active organization with the prefix {}",
                      folder.path_of(name), prefix);
            log::warn(
                "hint: if this file is your own, give it a name that does not begin with ext_, pjsip_ or queues_");
        }
        return changes;
    }

    void deploy_on_trial() const {
        const auto folder = open_folder(options_.folder);
        refuse_mass_removal(folder);
        const auto changes = find_changes(folder);
        if (changes.empty())
            return;
        if (options_.validate)
            validate_if_possible();
        print_changes(folder, changes);
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

    // Where Asterisk is not installed, its configuration is prepared for another machine, or for later.
    void validate_if_possible() const {
        if (is_installed(options_.asterisk)) {
            validate();
            return;
        }
        log::warn("nothing was validated: there is no program {}", options_.asterisk);
        log::warn("hint: {}", install_hint);
    }

    void deploy() {
        const auto& folder = *folder_;
        refuse_mass_removal(folder);
        const auto changes = find_changes(folder);
        if (options_.validate && !changes.empty())
            validate_if_possible();
        auto pending = options_.reload ? read_pending_reloads(folder) : std::set<std::string>{};
        if (options_.reload && !changes.empty()) {
            for (const auto* group : {&changes.files, &changes.mains, &changes.removals})
                for (const auto& change : *group)
                    if (!change.is_only_mode())
                        pending.insert(dialplan::main_file_of(change.name));
            if (!pending.empty())
                write_pending_reloads(folder, pending, deadline_);
        }
        apply(folder, changes, deadline_);
        if (pending.empty())
            return;
        const Asterisk asterisk{options_.asterisk, folder};
        for (const auto& main_file : pending)
            asterisk.reload(main_file, deadline_);
        if (pending.contains(dialplan::extension_files.main_file))
            asterisk.require_loaded(files(), deadline_);
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
    std::optional<Folder> folder_; // of a deployment, like its lock
    std::optional<RunLock> held_;
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
