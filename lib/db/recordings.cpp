// The lateral joins make the planner look up each object in an index, whatever it estimates.
#include "db/recordings.hpp"

#include "base/name.hpp"
#include "db/patient_query.hpp"
#include "db/session.hpp"

#include <nlohmann/json.hpp>
#include <soci/postgresql/soci-postgresql.h>

namespace pbx::db {

namespace {

// Sorted, so that two machines that store the same objects cannot wait for each other. The owner of a leg is the only
// account that names it; rows without an account claim nothing (leg_owner.cpp).
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
        select coalesce(a.least, '') as accountcode, n.linkedid
        from (select min(o.accountcode) as least, max(o.accountcode) as greatest
              from asterisk_cdr o where o.recordingfile = g.name and o.accountcode > '') a
        cross join lateral (select c.linkedid from asterisk_cdr c
              where c.recordingfile = g.name and (a.least is null or c.accountcode = a.least) limit 1) n
        where g.shelf = 'legs' and a.least is not distinct from a.greatest
        union all
        select g.accountcode, g.linkedid
        where g.shelf = 'stitched' and exists (select from asterisk_cdr c where c.linkedid = g.linkedid
              and coalesce(c.accountcode, '') = g.accountcode and c.recordingfile <> '')
    ) owner on true
    order by g.shelf, g.name
    on conflict (shelf, name) do update set accountcode = excluded.accountcode, linkedid = excluded.linkedid,
        node = excluded.node, size = excluded.size, md5 = excluded.md5, sha256 = excluded.sha256,
        frames = excluded.frames, rate = excluded.rate, channels = excluded.channels, codec = excluded.codec,
        levels = excluded.levels, unfinished = excluded.unfinished, archived_at = excluded.archived_at,
        verified_at = case when recordings.size = excluded.size and recordings.md5 = excluded.md5
                           then recordings.verified_at end
    where excluded.archived_at > recordings.archived_at)";

constexpr const char* finding = R"(
    select case r.shelf when 'stitched' then 'stitched/' else '' end || r.name, r.size, r.md5, coalesce(r.sha256, '')
    from json_array_elements_text(cast(:paths as json)) as wanted(path) cross join lateral (
        select * from recordings
        where recordings.shelf = case when path like 'stitched/%' then 'stitched' else 'legs' end
            and recordings.name = case when path like 'stitched/%' then substr(path, 10) else path end
        offset 0) r)";

constexpr const char* undefined_table = "42P01";

} // namespace

void store_recordings(soci::session& session, const std::string& rows, const Deadline& deadline) {
    ask_patiently(connection(session), "store the facts of archived objects", storing, {rows}, deadline);
}

KnownContents find_recordings(soci::session& session, const std::vector<std::string>& paths) {
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
    Content content;
    const WaitingFor waiting{"the database", Exit::unavailable};
    return guarded("read the facts of archived objects", [&] {
        try {
            soci::statement statement = (session.prepare << finding, soci::use(list, "paths"), soci::into(path),
                                         soci::into(size), soci::into(content.md5), soci::into(content.sha256));
            statement.execute();
            while (statement.fetch()) {
                content.size = static_cast<std::uint64_t>(size);
                found.insert_or_assign(path, content);
            }
        } catch (const soci::postgresql_soci_error& error) {
            // A schema from before the table: nothing is known of any object.
            if (error.sqlstate() != undefined_table)
                throw;
        }
        return found;
    });
}

} // namespace pbx::db
