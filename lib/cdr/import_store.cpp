// A row is the same row whatever zone cdr_pgsql wrote its calldate in: uniqueid and sequence, which Asterisk counts,
// identify it.
#include "cdr/import_store.hpp"

#include "base/deadline.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>

namespace pbx::cdr {

namespace {

// A trial has a table of its own, so that it takes no ids and no locks, and still counts a row once that is in the file
// twice. It refuses what the real table refuses.
constexpr const char* trial_table = "pg_temp.imported_on_trial";
constexpr std::array creating_trial_table{
    "create temporary table imported_on_trial (like asterisk_cdr including constraints)",
    "alter table pg_temp.imported_on_trial alter id drop not null",
    "create index on pg_temp.imported_on_trial (uniqueid)"};

// The lateral join with LIMIT makes the planner look up each row in the index of uniqueid, whatever it estimates.
constexpr const char* adding = R"(
    with given as (
        select distinct * from json_to_recordset(cast(:rows as json)) as r(
            calldate bigint, duration integer, billsec integer, sequence integer, clid text, src text, dst text,
            dcontext text, channel text, dstchannel text, lastapp text, lastdata text, disposition text, amaflags text,
            accountcode text, uniqueid text, userfield text, peeraccount text, linkedid text, recordingfile text,
            recording_paused text, recording_consent text)
    ), added as (
        insert into {table} (calldate, duration, billsec, sequence, clid, src, dst, dcontext, channel, dstchannel,
            lastapp, lastdata, disposition, amaflags, accountcode, uniqueid, userfield, peeraccount, linkedid,
            recordingfile, recording_paused, recording_consent)
        select to_timestamp(g.calldate), g.duration, g.billsec, g.sequence, g.clid, g.src, g.dst, g.dcontext, g.channel,
            g.dstchannel, g.lastapp, g.lastdata, g.disposition, g.amaflags, g.accountcode, g.uniqueid, g.userfield,
            g.peeraccount, g.linkedid, g.recordingfile, nullif(g.recording_paused, ''),
            nullif(g.recording_consent, '')
        from given g left join lateral (
            select true as is_known from {known} c
            where c.uniqueid = g.uniqueid and coalesce(c.linkedid, '') = g.linkedid
                and coalesce(c.sequence, g.sequence) = g.sequence and coalesce(c.accountcode, '') = g.accountcode
                and coalesce(c.recordingfile, '') = g.recordingfile
                and c.calldate between to_timestamp(g.calldate) - interval '26 hours'
                    and to_timestamp(g.calldate) + interval '26 hours'
            limit 1) known on true
        where known.is_known is null
        order by g.calldate, g.sequence
        returning 1
    )
    select count(*) from added)";

// Positions that no run has changed for long belong to files that are gone.
constexpr const char* storing_position = R"(
    with forgotten as (delete from cdr_imports where at < now() - interval '400 days' and file <> :file)
    insert into cdr_imports (file, position, line, before) values (:file, :position, :line, :before)
    on conflict (file) do update
        set position = excluded.position, line = excluded.line, before = excluded.before, at = now())";

// Bytes to UTF-8, each as the character of ISO 8859-1, as PostgreSQL does for cdr_pgsql with encoding=LATIN1.
std::string from_latin1(const std::string& bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xc0U | (byte >> 6U));
            text += static_cast<char>(0x80U | (byte & 0x3fU));
        }
    }
    return text;
}

std::string statement_adding(bool is_trial) {
    const auto* const real = "asterisk_cdr";
    return fmt::format(adding, fmt::arg("table", is_trial ? trial_table : real),
                       fmt::arg("known", is_trial ? fmt::format("(table {} union all table {})", real, trial_table)
                                                  : std::string{real}));
}

std::string json_rows(const std::vector<FileRow>& rows) {
    auto list = nlohmann::json::array();
    for (const auto& row : rows) {
        nlohmann::json item{{"calldate", row.calldate.time_since_epoch().count()},
                            {"duration", row.duration},
                            {"billsec", row.billsec},
                            {"sequence", row.sequence}};
        for (std::size_t i = 0; i < row.texts.size(); ++i)
            item[file_text_columns.at(i)] = from_latin1(row.texts.at(i));
        list.push_back(std::move(item));
    }
    return list.dump();
}

} // namespace

std::optional<ImportPosition> find_position(soci::session& session, const std::string& file) {
    ImportPosition position;
    long long bytes = 0;
    long long line = 0;
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded("read how far the file was imported", [&] {
        session << "select position, line, before from cdr_imports where file = :file", soci::use(file, "file"),
            soci::into(bytes), soci::into(line), soci::into(position.before);
    });
    if (!session.got_data())
        return std::nullopt;
    position.bytes = static_cast<std::uint64_t>(bytes);
    position.line = static_cast<std::uint64_t>(line);
    return position;
}

void begin_trial(soci::session& session) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded("make a temporary table", [&] {
        for (const auto* statement : creating_trial_table)
            session << statement;
    });
}

std::uint64_t store_rows(soci::session& session, const std::vector<FileRow>& rows, const std::string& file,
                         const std::optional<ImportPosition>& position, Storing storing) {
    const bool is_trial = storing == Storing::on_trial;
    long long added = 0;
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded("add CDR rows", [&] {
        soci::transaction transaction{session};
        if (!is_trial)
            session << "select pg_advisory_xact_lock(hashtext('pbx-calls import'))";
        if (!rows.empty()) {
            const auto list = json_rows(rows);
            session << statement_adding(is_trial), soci::use(list, "rows"), soci::into(added);
        }
        if (position && !is_trial) {
            const auto bytes = static_cast<long long>(position->bytes);
            const auto line = static_cast<long long>(position->line);
            session << storing_position, soci::use(file, "file"), soci::use(bytes, "position"), soci::use(line, "line"),
                soci::use(position->before, "before");
        }
        transaction.commit();
    });
    return static_cast<std::uint64_t>(added);
}

} // namespace pbx::cdr
