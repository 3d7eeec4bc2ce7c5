// One query per table, joined here by id: one query per organization would cost a round trip for each.
#include "db/organizations.hpp"

#include "db/session.hpp"

#include <fmt/format.h>

#include <functional>
#include <string>
#include <unordered_map>

namespace pbx::db {

namespace {

using tenants::Organization;

// How the queries below return a boolean column that may be NULL.
tenants::RecordingFlag recording_flag(int flag) {
    return flag < 0 ? tenants::RecordingFlag{} : tenants::RecordingFlag{flag == 1};
}

// The column as microseconds since 1970; a constraint of the schema keeps infinity out of it.
constexpr const char* held_since = "cast(extract(epoch from held_since) * 1000000 as bigint)";
constexpr const char* recording_enabled = "coalesce(cast(recording_enabled as integer), -1)";

tenants::Timestamp timestamp(long long microseconds) {
    return tenants::Timestamp{std::chrono::microseconds{microseconds}};
}

// Runs `sql` and calls `each` for every row, after the row's columns were stored in `column`.
template <typename Each, typename... Column>
void for_each_row(soci::session& session, const std::string& sql, Each&& each, Column&... column) {
    soci::statement statement{session};
    (statement.exchange(soci::into(column)), ...);
    statement.alloc();
    statement.prepare(sql);
    statement.define_and_bind();
    statement.execute();
    while (statement.fetch())
        each();
}

class Loader {
  public:
    explicit Loader(soci::session& session) : session_{session} {}

    std::vector<Organization> load() {
        load_organizations();
        load_users();
        load_trunks();
        load_routes();
        load_queues();
        load_members();
        load_dids();
        return std::move(organizations_);
    }

  private:
    // The organization that a row belongs to. Its foreign key guarantees that there is one, but not that this database
    // user may see it.
    Organization& owner(const char* table, const std::string& org_id) {
        const auto place = places_.find(org_id);
        if (place == places_.end())
            throw Error{Exit::config,
                        fmt::format("a row of {} belongs to the organization {}, which is not there", table, org_id),
                        "the database user must see all rows of organizations: look for row-level security"};
        return organizations_[place->second];
    }

    // Appends the rows of `table` to `rows` of their organizations. `columns` are stored in `column`, and `complete` is
    // called before a row is appended.
    template <typename Row, typename Complete, typename... Column>
    void load_rows(std::vector<Row> Organization::*rows, const char* table, const char* columns, Row& row,
                   Complete&& complete, Column&... column) {
        constexpr bool has_switch = requires {
            row.recording_enabled;
        };
        constexpr bool has_age = requires {
            row.held_since;
        };
        std::string org;
        int flag = 0;
        long long held = 0;
        const auto sql = fmt::format("select cast(org_id as text), cast(id as text), {}, {}, {} from {}",
                                     has_switch ? recording_enabled : "0", has_age ? held_since : "cast(0 as bigint)",
                                     columns, table);
        for_each_row(
            session_, sql,
            [&] {
                if constexpr (has_switch)
                    row.recording_enabled = recording_flag(flag);
                if constexpr (has_age)
                    row.held_since = timestamp(held);
                complete();
                (owner(table, org).*rows).push_back(row);
            },
            org, row.id, flag, held, column...);
    }

    void load_organizations() {
        Organization row;
        int flag = 0;
        long long held = 0;
        const auto sql = fmt::format(R"(
            select cast(id as text), coalesce(name, ''), coalesce(context_prefix, ''), coalesce(status, ''),
                case settings->'recording_enabled' when 'true' then 1 when 'false' then 0 else -1 end,
                coalesce(cast(case jsonb_typeof(limits) when 'object' then limits->'max_channels' else limits end
                    as text), ''),
                coalesce(cast(settings->'max_contacts' as text), ''), coalesce(cast(settings->'codecs' as text), ''),
                coalesce(cast(settings->'recording_channels' as text), ''),
                coalesce(cast(settings->'recording_rate' as text), ''),
                coalesce(cast(settings->'recording_consent' as text), ''),
                coalesce(cast(settings->'consent_prompt' as text), ''), {}
            from organizations
            order by context_prefix, id)",
                                     held_since);
        for_each_row(
            session_, sql,
            [&] {
                row.recording_enabled = recording_flag(flag);
                row.held_since = timestamp(held);
                places_[row.id] = organizations_.size();
                organizations_.push_back(row);
            },
            row.id, row.name, row.context_prefix, row.status, flag, row.max_channels, row.max_contacts, row.codecs,
            row.recording_channels, row.recording_rate, row.recording_consent, row.consent_prompt, held);
    }

    void load_users() {
        tenants::User row;
        load_rows(
            &Organization::users, "users", R"(
            coalesce(extension, ''), coalesce(full_name, ''), coalesce(status, ''), coalesce(sip_password, ''),
            coalesce(asterisk_endpoint, ''), coalesce(ring_target, 'ext'), coalesce(phone_number, ''),
            coalesce(username, ''))",
            row, [] {}, row.extension, row.full_name, row.status, row.sip_password, row.asterisk_endpoint,
            row.ring_target, row.phone_number, row.username);
    }

    void load_trunks() {
        tenants::Trunk row;
        long long approved = 0;
        load_rows(
            &Organization::trunks, "sip_trunks", R"(
            coalesce(name, ''), coalesce(host, ''), cast(coalesce(port, 5060) as integer), coalesce(transport, ''),
            coalesce(trunk_type, ''), coalesce(username, ''), coalesce(password, ''), coalesce(asterisk_peer_name, ''),
            coalesce(status, ''),
            case when approved_at is null then 0 when isfinite(approved_at)
                then cast(extract(epoch from approved_at) * 1000000 as bigint) else 1 end)",
            row, [&] { row.approved_at = approved == 0 ? std::optional<tenants::Timestamp>{} : timestamp(approved); },
            row.name, row.host, row.port, row.transport, row.trunk_type, row.username, row.password,
            row.asterisk_peer_name, row.status, approved);
    }

    void load_routes() {
        tenants::Route row;
        load_rows(
            &Organization::routes, "outbound_routes", R"(
            coalesce(name, ''), coalesce(cast(trunk_id as text), ''), coalesce(dial_pattern, ''),
            cast(coalesce(strip_digits, 0) as integer), coalesce(prepend_digits, ''), coalesce(caller_id_override, ''),
            cast(coalesce(priority, 0) as integer), coalesce(status, ''))",
            row, [] {}, row.name, row.trunk_id, row.dial_pattern, row.strip_digits, row.prepend_digits,
            row.caller_id_override, row.priority, row.status);
    }

    void load_queues() {
        tenants::Queue row;
        load_rows(
            &Organization::queues, "queues", R"(
            coalesce(number, ''), coalesce(name, ''), coalesce(asterisk_queue_name, ''), coalesce(strategy, ''),
            cast(coalesce(timeout, 0) as integer), cast(coalesce(retry, 0) as integer),
            cast(coalesce(max_wait_time, 0) as integer), coalesce(music_on_hold, ''), coalesce(timeout_destination, ''),
            coalesce(timeout_destination_type, ''), coalesce(status, ''))",
            row, [] {}, row.number, row.name, row.asterisk_queue_name, row.strategy, row.timeout, row.retry,
            row.max_wait_time, row.music_on_hold, row.timeout_destination, row.timeout_destination_type, row.status);
    }

    void load_dids() {
        tenants::Did row;
        int answers = 0;
        load_rows(
            &Organization::dids, "did_numbers", R"(
            coalesce(number, ''), coalesce(routing_type, ''), coalesce(routing_destination, ''), coalesce(status, ''),
            cast(coalesce(answers, false) as integer), coalesce(cast(trunk_id as text), ''))",
            row, [&] { row.answers = answers == 1; }, row.number, row.routing_type, row.routing_destination, row.status,
            answers, row.trunk_id);
    }

    void load_members() {
        std::unordered_map<std::string, tenants::Queue*> queues;
        for (auto& organization : organizations_)
            for (auto& queue : organization.queues)
                queues[queue.id] = &queue;
        tenants::Member row;
        std::string queue;
        int paused = 0;
        const auto* sql = R"(
            select cast(m.queue_id as text), cast(m.user_id as text), cast(coalesce(m.penalty, 0) as integer),
                cast(coalesce(m.paused, false) as integer)
            from queue_members m join users u on u.id = m.user_id
            order by u.extension, m.user_id)";
        for_each_row(
            session_, sql,
            [&] {
                row.paused = paused == 1;
                // A member of a queue that this database user may not see is nobody's.
                if (const auto found = queues.find(queue); found != queues.end())
                    found->second->members.push_back(row);
            },
            queue, row.user_id, row.penalty, paused);
    }

    soci::session& session_;
    std::vector<Organization> organizations_;
    std::unordered_map<std::string, std::size_t> places_;
};

} // namespace

std::vector<Organization> load_organizations(soci::session& session) {
    return db::guarded("read the organizations", [&] {
        soci::transaction snapshot{session};
        session << "set transaction isolation level repeatable read, read only";
        auto result = Loader{session}.load();
        snapshot.commit();
        return result;
    });
}

std::vector<Organization> load_organizations_in_transaction(soci::session& session) {
    return db::guarded("read the organizations", [&] { return Loader{session}.load(); });
}

std::vector<OrganizationKeys> keys_of(const std::vector<Organization>& organizations) {
    std::vector<OrganizationKeys> keys;
    keys.reserve(organizations.size());
    for (const auto& each : organizations)
        keys.push_back({each.id, each.name, each.context_prefix});
    return keys;
}

} // namespace pbx::db
