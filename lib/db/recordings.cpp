// The lateral joins make the planner look up each object in an index, whatever it estimates.
#include "db/recordings.hpp"

#include "base/name.hpp"
#include "db/patient_query.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdlib>

namespace pbx::db {

namespace {

// The owner of an object g, if it is a leg: the only account that claims it; rows without an account claim nothing
// (leg_owner.cpp).
constexpr const char* owner_of_leg = R"(
        select coalesce(a.least, '') as accountcode, n.linkedid
        from (select min(o.accountcode) as least, max(o.accountcode) as greatest
              from asterisk_cdr o where {claims} and o.accountcode > '') a
        cross join lateral (select c.linkedid from asterisk_cdr c
              where {names} and (a.least is null or c.accountcode = a.least) limit 1) n
        where g.shelf = 'legs' and a.least is not distinct from a.greatest)";

// Rows may have changed since the same bytes were archived first: whose they were then, they are.
constexpr const char* keeps_owner =
    "recordings.accountcode > '' and recordings.size = excluded.size and recordings.md5 = excluded.md5";

// Sorted, so that two machines that store the same objects cannot wait for each other.
constexpr const char* storing = R"(
    insert into recordings (shelf, name, accountcode, linkedid, node, size, md5, sha256, frames, rate, channels, codec,
        levels, unfinished, archived_at)
    select g.shelf, g.name, owner.accountcode, owner.linkedid, g.node, g.size, g.md5, g.sha256, g.frames, g.rate,
        g.channels, g.codec, g.levels, g.unfinished, to_timestamp(g.archived_at / 1000000.0)
    from (
        select distinct on (shelf, name) * from json_to_recordset(cast($1 as json)) as r(
            line bigint, shelf text, name text, accountcode text, linkedid text, node text, size bigint, md5 text,
            sha256 text, frames bigint, rate integer, channels integer, codec text, levels jsonb, unfinished boolean,
            archived_at bigint)
        order by shelf, name, archived_at desc, line desc
    ) g left join lateral (
{leg}
        union all
        select g.accountcode, g.linkedid
        where g.shelf = 'stitched' and exists (select from asterisk_cdr c where c.linkedid = g.linkedid
              and coalesce(c.accountcode, '') = g.accountcode and c.recordingfile <> '')
    ) owner on true
    order by g.shelf, g.name
    on conflict (shelf, name) do update set
        accountcode = case when {keeps_owner} then recordings.accountcode else excluded.accountcode end,
        linkedid = case when {keeps_owner} then recordings.linkedid else excluded.linkedid end,
        node = excluded.node, size = excluded.size, md5 = excluded.md5, sha256 = excluded.sha256,
        frames = excluded.frames, rate = excluded.rate, channels = excluded.channels, codec = excluded.codec,
        levels = excluded.levels, unfinished = excluded.unfinished, archived_at = excluded.archived_at,
        verified_at = case when recordings.size = excluded.size and recordings.md5 = excluded.md5
                           then recordings.verified_at end
    where excluded.archived_at > recordings.archived_at or recordings.archived_at > now())";

constexpr const char* finding = R"(
    select case r.shelf when 'stitched' then 'stitched/' else '' end || r.name, r.size, r.md5, coalesce(r.sha256, ''),
        cast(floor(extract(epoch from r.archived_at)) as bigint)
    from json_array_elements_text(cast(:paths as json)) as wanted(path) cross join lateral (
        select * from recordings
        where recordings.shelf = case when path like 'stitched/%' then 'stitched' else 'legs' end
            and recordings.name = case when path like 'stitched/%' then substr(path, 10) else path end
        offset 0) r)";

constexpr const char* finding_all = R"(
    select case r.shelf when 'stitched' then 'stitched/' else '' end || r.name, r.size, r.md5, coalesce(r.sha256, ''),
        cast(floor(extract(epoch from r.archived_at) * 1000000) as bigint), coalesce(r.accountcode, ''),
        coalesce(r.linkedid, '')
    from json_array_elements_text(cast($1 as json)) as wanted(path) cross join lateral (
        select * from recordings
        where recordings.shelf = case when path like 'stitched/%' then 'stitched' else 'legs' end
            and recordings.name = case when path like 'stitched/%' then substr(path, 10) else path end
        offset 0) r)";

// The owner of an object g (shelf, name), where only CDR rows and its name decide. A stitched recording is named
// LINKEDID.wav, or LINKEDID.ACCOUNT.wav where several accounts share the linkedid.
constexpr const char* owner_by_name = R"(
        select l.accountcode, l.linkedid from ({leg}) l where l.linkedid > ''
        union all
        (select s.accountcode, s.linkedid
        from (select min(coalesce(c.accountcode, '')) as accountcode, max(coalesce(c.accountcode, '')) as greatest,
                  left(g.name, -4) as linkedid
              from asterisk_cdr c where c.linkedid = left(g.name, -4) and c.recordingfile <> '') s
        where g.shelf = 'stitched' and s.accountcode = s.greatest
        union all
        select p.parts[2], p.parts[1]
        from (select regexp_match(g.name, '^(.+)[.]([^.]+)[.]wav$') as parts) p
        where g.shelf = 'stitched' and p.parts is not null and exists (select from asterisk_cdr c
              where c.linkedid = p.parts[1] and c.accountcode = p.parts[2] and c.recordingfile <> '')
        limit 1))";

constexpr const char* adopting = R"(
    insert into recordings (shelf, name, accountcode, linkedid, size, md5, sha256, frames, rate, channels, codec,
        levels, unfinished, archived_at)
    select g.shelf, g.name, owner.accountcode, owner.linkedid, g.size, g.md5, g.sha256, g.frames, g.rate, g.channels,
        g.codec, g.levels, g.unfinished, to_timestamp(g.archived_at / 1000000.0)
    from json_to_recordset(cast($1 as json)) as g(shelf text, name text, size bigint, md5 text, sha256 text,
        frames bigint, rate integer, channels integer, codec text, levels jsonb, unfinished boolean, archived_at bigint)
    left join lateral ({owner}) owner on true
    order by g.shelf, g.name
    on conflict (shelf, name) do nothing returning 1)";

// The rows are locked in the order of `storing`, as there.
constexpr const char* verifying = R"(
    update recordings r set verified_at = now(), sha256 = coalesce(r.sha256, v.sha256),
        frames = coalesce(r.frames, v.frames), rate = coalesce(r.rate, v.rate),
        channels = coalesce(r.channels, v.channels), codec = coalesce(r.codec, v.codec),
        levels = coalesce(r.levels, v.levels), unfinished = coalesce(r.unfinished, v.unfinished)
    from (
        select g.* from recordings l join json_to_recordset(cast($1 as json)) as g(shelf text, name text, size bigint,
            md5 text, sha256 text, frames bigint, rate integer, channels integer, codec text, levels jsonb,
            unfinished boolean) on g.shelf = l.shelf and g.name = l.name
        where g.size = l.size and g.md5 = l.md5 and coalesce(l.sha256 = g.sha256, true)
        order by l.shelf, l.name for update of l) v
    where r.shelf = v.shelf and r.name = v.name)";

// A row that another machine holds is left to that machine.
constexpr const char* naming_owners = R"(
    with lacking as (
        select shelf, name, archived_at from recordings
        where linkedid is null and archived_at >= to_timestamp(cast($1 as double precision))
            and (archived_at, shelf, name) > (cast($2 as timestamptz), $3, $4)
        order by archived_at, shelf, name limit 1000
    ), named as (
        select g.shelf, g.name, owner.accountcode, owner.linkedid from lacking g cross join lateral ({owner}) owner
    ), free as (
        select r.shelf, r.name from recordings r join named n on n.shelf = r.shelf and n.name = r.name
        where r.linkedid is null order by r.shelf, r.name for update of r skip locked
    ), filled as (
        update recordings r set accountcode = n.accountcode, linkedid = n.linkedid
        from named n join free f on f.shelf = n.shelf and f.name = n.name
        where r.shelf = n.shelf and r.name = n.name
    )
    select cast(archived_at as text), shelf, name from lacking
    order by lacking.archived_at desc, shelf desc, name desc limit 1)";

std::string owner_of_named_leg(const LegNaming& naming) {
    return fmt::format(owner_of_leg, fmt::arg("claims", LegNaming::claims("o.recordingfile", "g.name")),
                       fmt::arg("names", naming.names("c.recordingfile", "g.name")));
}

std::string with_owner(const char* sql, const LegNaming& naming) {
    return fmt::format(fmt::runtime(sql), fmt::arg("keeps_owner", keeps_owner),
                       fmt::arg("owner", owner_of_object(naming)), fmt::arg("leg", owner_of_named_leg(naming)));
}

} // namespace

std::string owner_of_object(const LegNaming& naming) {
    return fmt::format(owner_by_name, fmt::arg("leg", owner_of_named_leg(naming)));
}

void store_recordings(soci::session& session, const LegNaming& naming, const std::string& rows,
                      const Deadline& deadline) {
    ask_patiently(connection(session), "store the facts of archived objects", with_owner(storing, naming), {rows},
                  deadline);
}

std::map<std::string, RecordedFacts> recorded_facts(soci::session& session, const std::vector<std::string>& paths,
                                                    const Deadline& deadline) {
    const auto rows = ask_patiently(connection(session), "read the facts of archived objects", finding_all,
                                    {nlohmann::json(paths).dump()}, deadline);
    std::map<std::string, RecordedFacts> found;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
        const auto text = [&](int column) { return std::string{PQgetvalue(rows.get(), row, column)}; };
        const auto number = [&](int column) { return std::strtoll(PQgetvalue(rows.get(), row, column), nullptr, 10); };
        found.insert_or_assign(text(0), RecordedFacts{Content{static_cast<std::uint64_t>(number(1)), text(2), text(3)},
                                                      number(4), text(5), text(6)});
    }
    return found;
}

std::int64_t adopt_recordings(soci::session& session, const LegNaming& naming, const std::string& rows,
                              const Deadline& deadline) {
    const auto added = ask_patiently(connection(session), "store the facts of objects in the archive",
                                     with_owner(adopting, naming), {rows}, deadline);
    return PQntuples(added.get());
}

void mark_verified(soci::session& session, const std::string& rows, const Deadline& deadline) {
    ask_patiently(connection(session), "note which objects were verified", verifying, {rows}, deadline);
}

void name_owners(soci::session& session, const LegNaming& naming, std::optional<std::chrono::sys_seconds> since,
                 const Deadline& deadline) {
    const auto sql = with_owner(naming_owners, naming);
    std::vector<std::string> parameters{since ? std::to_string(since->time_since_epoch().count()) : "-infinity",
                                        "-infinity", "", ""};
    for (;;) {
        const auto last =
            ask_patiently(connection(session), "find the owners of archived objects", sql, parameters, deadline);
        if (PQntuples(last.get()) == 0)
            return;
        for (int column = 0; column < 3; ++column)
            parameters[static_cast<std::size_t>(column) + 1] = PQgetvalue(last.get(), 0, column);
    }
}

KnownContents find_recordings(soci::session& session, const std::vector<std::string>& paths, ArchiveTimes* times) {
    auto wanted = nlohmann::json::array();
    for (const auto& path : paths)
        if (is_utf8(path) && path.find('\0') == std::string::npos)
            wanted.push_back(path);
    KnownContents found;
    if (wanted.empty())
        return found;
    const auto list = wanted.dump();
    std::string path;
    long long size = 0;
    long long archived = 0;
    Content content;
    const WaitingFor waiting{"the database", Exit::unavailable};
    return guarded("read the facts of archived objects", [&] {
        soci::statement statement =
            (session.prepare << finding, soci::use(list, "paths"), soci::into(path), soci::into(size),
             soci::into(content.md5), soci::into(content.sha256), soci::into(archived));
        statement.execute();
        while (statement.fetch()) {
            content.size = static_cast<std::uint64_t>(size);
            found.insert_or_assign(path, content);
            if (times != nullptr)
                times->insert_or_assign(path, std::chrono::sys_seconds{std::chrono::seconds{archived}});
        }
        return found;
    });
}

} // namespace pbx::db
