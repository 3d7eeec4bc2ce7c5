// Changes to existing rows: the status of an organization, removal, the members of a queue, the recording switches.
#include "provision/provision.hpp"

#include "base/log.hpp"
#include "base/printable.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <fmt/format.h>

namespace pbx::provision {

Exit set_status(const Context& context, const std::string& organization, const std::string& status) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    if (owner.status == status) {
        log::warn("{} is {} already", name_of(owner), status);
        return Exit::ok;
    }
    work.change_row("change " + name_of(owner),
                    "update organizations set status = :status where id = cast(:id as uuid)", status, owner.id);
    work.finish();
    return Exit::ok;
}

Exit remove_row(const Context& context, RowKind kind, const std::string& organization, const std::string& name) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto stored = stored_name(owner, kind, name);
    const auto queues = kind == RowKind::user ? queues_of(owner, user_of(owner, stored)) : std::vector<std::string>{};
    work.try_change(owner, [&] { remove_from(owner, kind, stored); });
    const auto [word, table, column] = tenants::names_of(kind);
    work.change_row(fmt::format("remove {} {}", word, printable(stored)),
                    fmt::format("delete from {} where org_id = cast(:org as uuid) and {} = :name", table, column),
                    owner.id, stored);
    work.finish();
    for (const auto& queue : queues)
        log::warn("user {} is no longer a member of queue {} of {}; a new user of this extension must join it with "
                  "pbx-provision "
                  "queue join",
                  printable(stored), printable(queue), name_of(owner));
    return Exit::ok;
}

Exit join_queue(const Context& context, const std::string& organization, const std::string& queue,
                const std::string& extension, int penalty) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto queue_id = queue_of(owner, queue).id;
    const auto user_id = user_of(owner, extension).id;
    work.try_change(owner, [&] {
        for (auto& each : owner.queues)
            if (each.id == queue_id)
                each.members.push_back({user_id, penalty, false});
    });
    work.change_row("join the queue", R"(
        insert into queue_members (queue_id, user_id, penalty)
        values (cast(:queue as uuid), cast(:user as uuid), :penalty)
        on conflict (queue_id, user_id) do update set penalty = excluded.penalty)",
                    queue_id, user_id, penalty);
    work.finish();
    return Exit::ok;
}

Exit leave_queue(const Context& context, const std::string& organization, const std::string& queue,
                 const std::string& extension) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    const auto queue_id = queue_of(owner, queue).id;
    const auto user_id = user_of(owner, extension).id;
    const auto rows = work.execute(
        "leave the queue",
        "delete from queue_members where queue_id = cast(:queue as uuid) and user_id = cast(:user as uuid)", queue_id,
        user_id);
    if (rows == 0)
        throw Error{Exit::no_input, fmt::format("user {} is not a member of queue {} of {}", printable(extension),
                                                printable(queue), name_of(owner))};
    work.finish();
    return Exit::ok;
}

Exit switch_organization(const Context& context, const std::string& organization, bool on) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    const std::string value = on ? "true" : "false";
    work.change_row("switch recording of " + name_of(owner), R"(
        update organizations set settings = coalesce(settings, '{}')
            || jsonb_build_object('recording_enabled', cast(:on as boolean))
        where id = cast(:id as uuid))",
                    value, owner.id);
    work.finish();
    if (!on)
        log::warn("no call of {} will be recorded, even where a row has recording on", name_of(owner));
    return Exit::ok;
}

Exit switch_row(const Context& context, const std::string& organization, RowKind kind, const std::string& name,
                bool on) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    const auto stored = stored_name(owner, kind, name);
    const std::string value = on ? "true" : "false";
    const auto [word, table, column] = tenants::names_of(kind);
    work.change_row(
        fmt::format("switch recording of {} {}", word, printable(stored)),
        fmt::format(
            "update {} set recording_enabled = cast(:on as boolean) where org_id = cast(:org as uuid) and {} = :name",
            table, column),
        value, owner.id, stored);
    work.finish();
    warn_if_unrecorded(kind, stored, owner, on);
    return Exit::ok;
}

} // namespace pbx::provision
