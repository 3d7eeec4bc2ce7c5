// Decisions that only the operator makes, not a tenant: which hosts trunks may have, how many calls an organization may
// have at once, what its phones may do, and how its recordings are made.
#include "base/log.hpp"
#include "base/output.hpp"
#include "base/printable.hpp"
#include "provision/print.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <fmt/format.h>

namespace pbx::provision {

namespace {

// What the database stores for the JSON of a setting.
std::string stored(const std::string& json) {
    return json.empty() ? "null" : json;
}

// Takes over a change to a setting, as text that becomes JSON.
void change_setting(std::string& setting, const std::string& text, const std::string& json) {
    if (!text.empty())
        setting = text == "default" ? "" : json;
}

} // namespace

Exit approve_trunk(const Context& context, const std::string& organization, const std::string& name, bool approved) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto id = trunk_id(owner, name);
    auto& trunk =
        *std::find_if(owner.trunks.begin(), owner.trunks.end(), [&](const auto& each) { return each.id == id; });
    const bool before = trunk.approved_at.has_value();
    if (approved && !before)
        work.try_change(owner, [&] { trunk.approved_at = just_approved; });
    // Its host may have changed since the row was read.
    const auto rows =
        work.execute(fmt::format("{} trunk {}", approved ? "approve" : "withdraw", printable(name)),
                     fmt::format("update sip_trunks set approved_at = {} where id = cast(:id as uuid) and host = :host",
                                 approved ? "coalesce(approved_at, now())" : "null"),
                     id, trunk.host);
    if (rows == 0)
        throw Error{Exit::temporary, fmt::format("trunk {} of {} has just changed", printable(name), name_of(owner)),
                    fmt::format("pbx-provision trunk list --org {} shows it", owner.context_prefix)};
    if (context.json)
        print_json({{"organization", owner.name}, {"name", trunk.name}, {"host", trunk.host}, {"approved", approved}});
    else
        output::print("{}\t{}\n", printable(trunk.name), printable(trunk.host));
    return Exit::ok;
}

Exit limit_organization(const Context& context, const std::string& organization, const std::string& calls) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto wanted = calls == "none" ? std::string{} : calls;
    work.try_change(owner, [&] { owner.max_channels = wanted; });
    work.execute("limit " + name_of(owner), R"(
        update organizations set limits = case
            when :calls = '' then case jsonb_typeof(limits) when 'object' then limits - 'max_channels' else '{}' end
            else case jsonb_typeof(limits) when 'object' then limits else '{}' end
                || jsonb_build_object('max_channels', cast(nullif(:calls, '') as integer)) end
        where id = cast(:id as uuid))",
                 wanted, wanted, owner.id);
    return Exit::ok;
}

Exit set_phones(const Context& context, const std::string& organization, const PhoneChange& change) {
    if (change.max_contacts.empty() && change.codecs.empty())
        throw Error{Exit::usage, "there is nothing to change", "give --max-contacts, --codecs or both"};
    Provisioner work{context};
    auto& owner = work.organization(organization);
    work.try_change(owner, [&] {
        change_setting(owner.max_contacts, change.max_contacts, change.max_contacts);
        change_setting(owner.codecs, change.codecs, Json(change.codecs).dump());
    });
    const auto contacts = stored(owner.max_contacts);
    const auto codecs = stored(owner.codecs);
    work.execute("set the phones of " + name_of(owner), R"(
        update organizations set settings = (case jsonb_typeof(settings) when 'object' then settings else '{}' end
                - 'max_contacts' - 'codecs')
            || jsonb_strip_nulls(jsonb_build_object('max_contacts', cast(:contacts as jsonb),
                                                    'codecs', cast(:codecs as jsonb)))
        where id = cast(:id as uuid))",
                 contacts, codecs, owner.id);
    return Exit::ok;
}

Exit set_recordings(const Context& context, const std::string& organization, const RecordingChange& change) {
    if (change.channels.empty() && change.rate.empty())
        throw Error{Exit::usage, "there is nothing to change", "give --channels, --rate or both"};
    Provisioner work{context};
    auto& owner = work.organization(organization);
    work.try_change(owner, [&] {
        change_setting(owner.recording_channels, change.channels, change.channels);
        change_setting(owner.recording_rate, change.rate, change.rate);
    });
    const auto channels = stored(owner.recording_channels);
    const auto rate = stored(owner.recording_rate);
    work.execute("set the recordings of " + name_of(owner), R"(
        update organizations set settings = (case jsonb_typeof(settings) when 'object' then settings else '{}' end
                - 'recording_channels' - 'recording_rate')
            || jsonb_strip_nulls(jsonb_build_object('recording_channels', cast(:channels as jsonb),
                                                    'recording_rate', cast(:rate as jsonb)))
        where id = cast(:id as uuid))",
                 channels, rate, owner.id);
    return Exit::ok;
}

} // namespace pbx::provision
