// Loads, checks, and does one of: print, explain, compare, deploy.
#include "deploy/deploy.hpp"

#include "base/atomic_file.hpp"
#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "base/lock.hpp"
#include "base/words.hpp"
#include "db/nodes.hpp"
#include "db/organization_lookup.hpp"
#include "db/organizations.hpp"
#include "db/session.hpp"
#include "deploy/addresses.hpp"
#include "deploy/asterisk.hpp"
#include "deploy/changes.hpp"
#include "deploy/sources.hpp"
#include "dialplan/includes.hpp"
#include "dialplan/plan.hpp"
#include "dialplan/policy.hpp"
#include "dialplan/render.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

namespace pbx::deploy {

namespace {

using dialplan::Plan;

constexpr const char* lock_name = ".pbx-dialplan-gen.lock";

// Names the main files whose content Asterisk has not loaded yet: there from before the first change until after the
// last reload, so that the run after one that was killed knows.
constexpr const char* pending_name = ".pbx-dialplan-gen.reload";

Folder open_folder(const std::string& path) {
    try {
        return Folder::open(path);
    } catch (const Error& error) {
        throw Error{error.kind(), error.what(), "name the folder of Asterisk's configuration with --asterisk-dir"};
    }
}

RunLock lock(const Folder& folder) {
    try {
        return RunLock{folder, lock_name};
    } catch (const Error& error) {
        throw Error{error.kind(), error.what(),
                    error.kind() == Exit::temporary ? "it will finish by itself; try again then" : error.hint()};
    }
}

void print(std::string_view text) {
    // Whoever reads may go away early, which is no error; finish_stdout() tells a full disk from that.
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && errno != EPIPE)
        throw system_error(Exit::cant_create, "cannot write to stdout", errno);
}

void flush() {
    errno = 0;
    if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && errno != EPIPE)
        throw system_error(Exit::cant_create, "cannot write to stdout", errno);
}

class Run {
  public:
    explicit Run(const Request& request) : request_{request}, deadline_{Deadline::after(request.timeout)} {}

    Exit work() {
        load();
        // What is only printed must not depend on a name server.
        if (request_.deploy || request_.check || request_.validate)
            separate_addresses(checked_, addresses_of_peers(checked_, deadline_));
        select();
        report();
        if (request_.validate && !request_.deploy)
            validate();
        if (request_.explain)
            explain();
        else if (request_.check)
            check();
        else if (request_.deploy)
            deploy();
        else if (!request_.validate)
            for (const auto* plan : selected_)
                print(extensions_text(*plan));
        flush();
        return status_;
    }

  private:
    void load() {
        if (const auto fault = dialplan::spool_fault(request_.spool); !fault.empty())
            throw Error{Exit::config, fmt::format("the spool {} is refused: {}", request_.spool, fault),
                        "set --spool or PBX_SPOOL to the folder that Asterisk records into"};
        const Waiting waiting{"the database", Exit::unavailable};
        soci::session session;
        db::connect(session, request_.database, request_.timeout);
        if (request_.deploy)
            refuse_namesake(session);
        auto all = db::load_organizations(session);
        choose(all);
        checked_ = dialplan::check(std::move(all), request_.rules);
        for (const auto& plan : checked_.plans)
            active_.insert(plan.prefix());
        read_operator();
        dialplan::leave_out(checked_, operator_.names);
    }

    // What only prints the dialplan needs no Asterisk folder.
    void read_operator() {
        const bool needed = request_.deploy || request_.check || request_.validate;
        std::error_code ignored;
        if (!needed && !std::filesystem::exists(request_.folder, ignored))
            return;
        try {
            operator_ = read_operator_files(open_folder(request_.folder), {});
        } catch (const Error& error) {
            if (needed)
                throw;
            words::warn("names are not compared with the operator's sections: {}", error.what());
        }
    }

    // The dialplan gives recordings their names, which must not be those of another machine.
    void refuse_namesake(soci::session& session) const {
        if (request_.node.empty() && db::other_nodes_known(session, db::this_node("", request_.spool), deadline_))
            throw Error{Exit::config,
                        "the database knows another node, and this machine has no name; nothing was changed",
                        "set node in pbx.conf to a name that no other machine has: it ends the names of recordings"};
    }

    void choose(const std::vector<tenants::Organization>& all) {
        const auto keys = db::keys_of(all);
        for (const auto& wanted : request_.organizations) {
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
        return request_.organizations.empty() || chosen_.contains(prefix);
    }

    void select() {
        for (const auto& plan : checked_.plans)
            if (selected(plan.prefix()))
                selected_.push_back(&plan);
    }

    void report() {
        bool any = false;
        for (const auto& refusal : checked_.refusals) {
            if (!selected(refusal.prefix))
                continue;
            words::error({Exit::data, fmt::format("{} is left out: {}", refusal.row, refusal.fault), refusal.hint});
            any = true;
        }
        if (any) {
            words::warn("hint: correct these rows with pbx-provision or SQL; calls that need them fail until then, all "
                        "other rows are used");
            status_ = worst(status_, Exit::data);
        }
        for (const auto& warning : checked_.warnings)
            if (selected(warning.prefix) && warning.only_when_new)
                words::note("{}", warning.message);
            else if (selected(warning.prefix))
                words::warn("{}", warning.message);
    }

    void explain() const {
        auto document = nlohmann::ordered_json::array();
        std::string table = "organization\tpoint\tname\trecorded\tdecided by\tvalue\n";
        for (const auto* plan : selected_)
            for (const auto& point : dialplan::points(*plan)) {
                const auto organization = dialplan::harmless(plan->organization.name);
                document.push_back({{"organization", organization},
                                    {"context_prefix", plan->prefix()},
                                    {"point", point.kind},
                                    {"name", point.name},
                                    {"recorded", point.recorded},
                                    {"decided_by", point.decided_by},
                                    {"value", point.value}});
                table += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", organization, point.kind, point.name,
                                     point.recorded ? "on" : "off", point.decided_by, point.value);
            }
        print(request_.json ? document.dump(2) + '\n' : table);
    }

    std::string extensions_text(const Plan& plan) const {
        return dialplan::extensions_text(plan, {request_.spool, request_.node, request_.rules.emergency});
    }

    std::vector<File> files() const {
        std::vector<File> result;
        result.reserve(selected_.size() * std::size(dialplan::kinds));
        for (const auto* plan : selected_) {
            const auto name = [&](std::size_t kind) { return dialplan::kinds[kind].begin + plan->prefix() + ".conf"; };
            result.push_back({name(0), extensions_text(*plan)});
            result.push_back({name(1), dialplan::pjsip_text(*plan)});
            result.push_back({name(2), dialplan::queues_text(*plan)});
        }
        return result;
    }

    // A database that has lost its tenants, or is another one, must not take the telephones with it.
    void stop_before_harm(const Folder& folder) const {
        if (request_.force)
            return;
        const auto deployed = deployed_prefixes(folder);
        const auto kept = static_cast<std::size_t>(std::count_if(
            deployed.begin(), deployed.end(), [&](const auto& prefix) { return active_.contains(prefix); }));
        constexpr const char* hint = "is this the right database? --force deploys what it says";
        if (active_.empty())
            throw Error{Exit::data, "the database has no active organization; nothing was changed", hint};
        if (kept * 2 < deployed.size())
            throw Error{Exit::data,
                        fmt::format("of {} organizations deployed the database knows {}; nothing was changed",
                                    deployed.size(), kept),
                        hint};
    }

    // Calls of a "peer" are known by the address that they come from.
    bool has_peers() const {
        return std::any_of(checked_.plans.begin(), checked_.plans.end(), [](const auto& plan) {
            const auto& trunks = plan.organization.trunks;
            return std::any_of(trunks.begin(), trunks.end(),
                               [](const auto& trunk) { return trunk.trunk_type == "peer"; });
        });
    }

    void check() {
        const auto folder = open_folder(request_.folder);
        const auto changes = compare(folder, files(), active_);
        if (const auto fault = order_fault(operator_.identifier_order); !fault.empty() && has_peers()) {
            words::warn("pjsip.conf: {}", fault);
            words::warn("hint: {}", order_hint);
        }
        if (changes.empty())
            return;
        print(diff(folder, changes));
        for (const auto* group : {&changes.files, &changes.removals})
            for (const auto& change : *group)
                if (change.name.starts_with(dialplan::kinds[0].begin))
                    for (const auto& sentence :
                         dialplan::policy_changes(change.before.value_or(""), change.after.value_or("")))
                        print(sentence + '\n');
        status_ = worst(status_, Exit::differs);
    }

    // What Asterisk would have: what we are about to write, and what stays of other organizations and the operator's.
    void validate() const {
        const auto folder = open_folder(request_.folder);
        auto candidate = files();
        Texts mains;
        for (const auto& change : compare(folder, candidate, active_).mains)
            mains.emplace(change.name, *change.after);
        add_others(folder, active_, candidate);
        Asterisk{request_.asterisk, folder}.validate(candidate, mains, has_peers(), deadline_);
    }

    void deploy() {
        const auto folder = open_folder(request_.folder);
        const auto held = lock(folder);
        stop_before_harm(folder);
        const auto changes = compare(folder, files(), active_);
        if (request_.validate && !changes.empty())
            validate();
        auto pending = request_.reload ? pending_reloads(folder) : std::set<std::string>{};
        if (request_.reload && !changes.empty()) {
            for (const auto* group : {&changes.files, &changes.mains, &changes.removals})
                for (const auto& change : *group)
                    pending.insert(dialplan::main_file_of(change.name));
            write_pending(folder, pending);
        }
        apply(folder, changes, deadline_);
        if (pending.empty())
            return;
        const Asterisk asterisk{request_.asterisk, folder};
        for (const auto& main_file : pending)
            asterisk.reload(main_file, deadline_);
        folder.remove(pending_name);
        if (request_.validate && pending.contains("pjsip.conf") && has_peers())
            asterisk.check_running_order(deadline_);
    }

    static std::set<std::string> pending_reloads(const Folder& folder) {
        std::set<std::string> result;
        const auto text = read(folder, pending_name).value_or("");
        for (const auto& kind : dialplan::kinds)
            if (text.find(kind.main_file) != std::string::npos)
                result.insert(kind.main_file);
        return result;
    }

    void write_pending(const Folder& folder, const std::set<std::string>& pending) const {
        std::string text;
        for (const auto& main_file : pending)
            text += main_file + '\n';
        AtomicFile file{folder, pending_name, 0640, deadline_};
        write_all(file.fd(), text, folder.path_of(pending_name));
        file.commit();
    }

    const Request& request_;
    Deadline deadline_;
    dialplan::Checked checked_;
    OperatorFiles operator_;
    std::set<std::string> chosen_; // prefixes of the organizations that the request names
    std::set<std::string> active_;
    std::vector<const Plan*> selected_;
    Exit status_ = Exit::ok;
};

} // namespace

Exit run(const Request& request) {
    return Run{request}.work();
}

} // namespace pbx::deploy
