// Decisions that only the operator makes, not a tenant: which hosts trunks may have, how many calls an organization may
// have at once, what its phones may do, how its recordings are made, and whether it asks before it records.
#include "base/log.hpp"
#include "base/output.hpp"
#include "base/printable.hpp"
#include "provision/print.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <fmt/format.h>

#include <utility>

namespace pbx::provision {

namespace {

// A setting's key, and its value as JSON, or empty to remove it.
using Setting = std::pair<const char*, const std::string&>;

// `given` is a value as JSON, "default", or empty for no change.
void set_json(std::string& setting, const std::string& given) {
    if (!given.empty())
        setting = given == "default" ? "" : given;
}

void set_text(std::string& setting, const std::string& given) {
    set_json(setting, given.empty() || given == "default" ? given : Json(given).dump());
}

void store_settings(Provisioner& work, const char* action, const Organization& owner, const Setting& first,
                    const Setting& second) {
    const auto json = [](const std::string& value) { return value.empty() ? "null" : value; };
    const auto one = json(first.second);
    const auto other = json(second.second);
    work.change_row(action + name_of(owner),
                    fmt::format(R"(
        update organizations set settings = (case jsonb_typeof(settings) when 'object' then settings else '{{}}' end
                - '{0}' - '{1}')
            || jsonb_strip_nulls(jsonb_build_object('{0}', cast(:one as jsonb), '{1}', cast(:other as jsonb)))
        where id = cast(:id as uuid))",
                                first.first, second.first),
                    one, other, owner.id);
    work.finish();
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

Exit limit_organization(const Context& context, const std::string& organization, const std::string& calls) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto wanted = calls == "none" ? std::string{} : calls;
    work.try_change(owner, [&] { owner.max_channels = wanted; });
    work.change_row("limit " + name_of(owner), R"(
        update organizations set limits = case
            when :calls = '' then case jsonb_typeof(limits) when 'object' then limits - 'max_channels' else '{}' end
            else case jsonb_typeof(limits) when 'object' then limits else '{}' end
                || jsonb_build_object('max_channels', cast(nullif(:calls, '') as integer)) end
        where id = cast(:id as uuid))",
                    wanted, wanted, owner.id);
    work.finish();
    return Exit::ok;
}

Exit set_phones(const Context& context, const std::string& organization, const PhoneChange& change) {
    if (change.max_contacts.empty() && change.codecs.empty())
        throw Error{Exit::usage, "there is nothing to change", "give --max-contacts, --codecs or both"};
    Provisioner work{context};
    auto& owner = work.organization(organization);
    work.try_change(owner, [&] {
        set_json(owner.max_contacts, change.max_contacts);
        set_text(owner.codecs, change.codecs);
    });
    store_settings(work, "set the phones of ", owner, {"max_contacts", owner.max_contacts}, {"codecs", owner.codecs});
    return Exit::ok;
}

Exit set_consent(const Context& context, const std::string& organization, const ConsentChange& change) {
    if (change.mode.empty() && change.prompt.empty())
        throw Error{Exit::usage, "there is nothing to change", "give --mode, --prompt or both"};
    Provisioner work{context};
    auto& owner = work.organization(organization);
    work.try_change(owner, [&] {
        set_text(owner.recording_consent, change.mode);
        set_text(owner.consent_prompt, change.prompt);
    });
    store_settings(work, "set the consent of ", owner, {"recording_consent", owner.recording_consent},
                   {"consent_prompt", owner.consent_prompt});
    return Exit::ok;
}

Exit set_recordings(const Context& context, const std::string& organization, const RecordingChange& change) {
    if (change.channels.empty() && change.rate.empty())
        throw Error{Exit::usage, "there is nothing to change", "give --channels, --rate or both"};
    Provisioner work{context};
    auto& owner = work.organization(organization);
    work.try_change(owner, [&] {
        set_json(owner.recording_channels, change.channels);
        set_json(owner.recording_rate, change.rate);
    });
    store_settings(work, "set the recordings of ", owner, {"recording_channels", owner.recording_channels},
                   {"recording_rate", owner.recording_rate});
    return Exit::ok;
}

} // namespace pbx::provision
