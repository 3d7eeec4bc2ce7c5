#include "live/call_choice.hpp"

#include "base/error.hpp"
#include "base/name.hpp"
#include "cdr/tenants.hpp"
#include "db/session.hpp"
#include "live/pause_entries.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pbx::live {

namespace {

class CallFinder {
  public:
    CallFinder(const CallChoice& choice, const std::vector<Channel>& channels, std::chrono::seconds timeout)
        : choice_{choice}, channels_{channels} {
        if (!choice.tenant.organization.empty())
            load_organization(timeout);
    }

    // At least one call.
    std::set<std::string> find() const {
        std::set<std::string> calls;
        for (const auto& channel : channels_)
            if (is_meant(channel) && channel.name.find(watch_context) == std::string::npos && is_ours(channel.call))
                calls.insert(channel.call);
        if (calls.empty())
            throw Error{Exit::no_input, fmt::format("no such call in progress: {}", shown(choice_.call)),
                        "a call is named by its linkedid, a uniqueid, a channel or an extension"};
        require_one_account(calls);
        return calls;
    }

  private:
    void load_organization(std::chrono::seconds timeout) {
        soci::session session;
        db::connect(session, choice_.database, timeout);
        const auto tenants = cdr::load_tenants(session);
        organization_ = cdr::find_account(tenants, choice_.tenant.organization);
        db::require_agreement(choice_.tenant, organization_);
        names_ = tenants.at(organization_);
    }

    bool is_meant(const Channel& channel) const {
        const auto& name = choice_.call;
        if (name.find('/') != std::string::npos)
            return channel.name == name;
        if (name.find('.') != std::string::npos)
            return channel.linked == name || channel.call == name || channel.id == key_of(name);
        return is_at_extension(std::string{endpoint_in(channel.name)});
    }

    bool is_at_extension(const std::string& device) const {
        const auto endpoint = device.substr(device.find('/') + 1);
        if (const auto known = names_.extensions.find(endpoint); known != names_.extensions.end())
            return known->second == choice_.call;
        const auto prefix = endpoint.substr(0, endpoint.rfind('_') + 1);
        return !prefix.empty() && endpoint == prefix + choice_.call &&
               (names_.prefix.empty() || prefix == names_.prefix + '_');
    }

    std::set<std::string> accounts_of(const std::string& call) const {
        std::set<std::string> accounts;
        for (const auto& channel : channels_)
            if (channel.call == call && !channel.account.empty())
                accounts.insert(channel.account);
        return accounts;
    }

    bool is_ours(const std::string& call) const {
        const auto accounts = accounts_of(call);
        const auto only = [&](const std::string& account) {
            return account.empty() || accounts == std::set<std::string>{account};
        };
        return only(choice_.tenant.account.value_or("")) && only(organization_);
    }

    // Extensions of two organizations may have one number.
    void require_one_account(const std::set<std::string>& calls) const {
        std::set<std::string> accounts;
        for (const auto& call : calls)
            accounts.merge(accounts_of(call));
        if (calls.size() > 1 && accounts.size() > 1)
            throw Error{Exit::usage,
                        fmt::format("{} is an extension of several organizations: {}", shown(choice_.call),
                                    fmt::join(accounts, ", ")),
                        "name one with --account or --org"};
    }

    const CallChoice& choice_;
    const std::vector<Channel>& channels_;
    std::string organization_;
    cdr::TenantNames names_;
};

} // namespace

std::set<std::string> find_calls(const CallChoice& choice, const std::vector<Channel>& channels,
                                 std::chrono::seconds timeout) {
    return CallFinder{choice, channels, timeout}.find();
}

} // namespace pbx::live
