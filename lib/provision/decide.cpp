// What an operator decides and no tenant may: which host a trunk may have, and how many calls an organization has at
// once.
#include "base/printable.hpp"
#include "base/words.hpp"
#include "provision/print.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <fmt/format.h>

namespace pbx::provision {

Exit approve_trunk(const Context& context, const std::string& organization, const std::string& name, bool approved) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto id = trunk_id(owner, name);
    auto& trunk =
        *std::find_if(owner.trunks.begin(), owner.trunks.end(), [&](const auto& each) { return each.id == id; });
    const bool before = trunk.approved_at.has_value();
    if (approved && !before)
        work.attempt(owner, [&] { trunk.approved_at = newest; });
    // Between the look at the row and this, its host may have changed.
    const auto rows =
        work.execute(fmt::format("{} trunk {}", approved ? "approve" : "withdraw", printable(name)),
                     fmt::format("update sip_trunks set approved_at = {} where id = cast(:id as uuid) and host = :host",
                                 approved ? "coalesce(approved_at, now())" : "null"),
                     id, trunk.host);
    if (rows == 0)
        throw Error{Exit::temporary, fmt::format("trunk {} of {} has just changed", printable(name), name_of(owner)),
                    fmt::format("pbx-provision trunk list --org {} shows it", owner.context_prefix)};
    if (context.json)
        print({{"organization", owner.name}, {"name", trunk.name}, {"host", trunk.host}, {"approved", approved}});
    else
        fmt::print("{}\t{}\n", printable(trunk.name), printable(trunk.host));
    return Exit::ok;
}

Exit limit_organization(const Context& context, const std::string& organization, const std::string& calls) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto wanted = calls == "none" ? std::string{} : calls;
    work.attempt(owner, [&] { owner.max_channels = wanted; });
    work.execute("limit " + name_of(owner), R"(
        update organizations set limits = case
            when :calls = '' then case jsonb_typeof(limits) when 'object' then limits - 'max_channels' else '{}' end
            else case jsonb_typeof(limits) when 'object' then limits else '{}' end
                || jsonb_build_object('max_channels', cast(nullif(:calls, '') as integer)) end
        where id = cast(:id as uuid))",
                 wanted, wanted, owner.id);
    return Exit::ok;
}

} // namespace pbx::provision
