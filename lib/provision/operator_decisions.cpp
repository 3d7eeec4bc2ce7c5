// A decision that only the operator makes, not a tenant: which hosts trunks may have.
#include "base/output.hpp"
#include "base/printable.hpp"
#include "provision/print.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pbx::provision {

Exit approve_trunk(const Context& context, const std::string& organization, const std::string& name, bool approved) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto id = trunk_id(owner, name);
    auto& trunk =
        *std::find_if(owner.trunks.begin(), owner.trunks.end(), [&](const auto& each) { return each.id == id; });
    const bool before = trunk.approved_at.has_value();
    if (approved && !before)
        work.try_change(owner, [&] { trunk.approved_at = just_approved; });
    work.change_row(fmt::format("{} trunk {}", approved ? "approve" : "withdraw", printable(name)),
                    fmt::format("update sip_trunks set approved_at = {} where id = cast(:id as uuid)",
                                approved ? "coalesce(approved_at, clock_timestamp())" : "null"),
                    id);
    work.finish();
    if (context.json)
        print_object(
            {{"organization", owner.name}, {"name", trunk.name}, {"host", trunk.host}, {"approved", approved}});
    else
        output::print("{}\t{}\n", printable(trunk.name), printable(trunk.host));
    return Exit::ok;
}

} // namespace pbx::provision
