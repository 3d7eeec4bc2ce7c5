// Every query has a deadline, because the archive must not hang on a server that never answers.
#include "db/nodes.hpp"

#include "base/printable.hpp"
#include "db/patient_query.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

namespace pbx::db {

namespace {

constexpr const char* asking = "query the other nodes";

// Whether a node has run within the time that pbx-stitch looks back by default (--since).
constexpr const char* lately =
    "coalesce(greatest(last_stitch, last_archive), '-infinity') > now() - interval '25 hours'";

// An advisory lock that machines without a node name share. The server releases it when the session ends, also after a
// kill.
constexpr const char* unnamed_archive = "1885500750, 1"; // any two numbers that nothing else locks

std::string literal(PGconn* connection, const std::string& text) {
    const std::unique_ptr<char, decltype(&PQfreemem)> quoted{PQescapeLiteral(connection, text.data(), text.size()),
                                                             &PQfreemem};
    if (!quoted)
        throw sql_error(asking, {}, PQerrorMessage(connection));
    return quoted.get();
}

QueryResult ask(PGconn* connection, const std::string& sql, const Deadline& deadline) {
    return ask_patiently(connection, asking, sql, {}, deadline);
}

std::string not_this(PGconn* connection, const Node& node) {
    return fmt::format("not (host = {} and spool = {})", literal(connection, node.host),
                       literal(connection, node.spool));
}

Error refusal(const Node& node, const PGresult* other) {
    const std::string name = PQgetvalue(other, 0, 0);
    const auto where = fmt::format("{}host {}, spool {}, last run {}", name.empty() ? "" : name + ", ",
                                   PQgetvalue(other, 0, 1), PQgetvalue(other, 0, 2), PQgetvalue(other, 0, 3));
    const auto hint =
        fmt::format("set node = NAME in pbx.conf (or --node, PBX_NODE), a different name on each machine; "
                    "if that node is gone for good, or was this machine under another host name or "
                    "spool, run: psql -c 'delete from nodes where id = {}'",
                    PQgetvalue(other, 0, 4));
    if (node.name.empty())
        return {Exit::config, "this machine has no node name, and the database knows another node: " + where, hint};
    return {Exit::config, "another machine uses this node name: " + where, hint};
}

} // namespace

Node this_node(const std::string& name, const std::string& spool) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0)
        throw system_error(Exit::software, "cannot get the host name", errno);
    std::error_code failed;
    auto path = std::filesystem::weakly_canonical(spool, failed);
    if (failed || !path.is_absolute())
        path = std::filesystem::absolute(spool, failed);
    // printable(), because the server accepts only UTF-8.
    return {name, printable(host.data()), printable(path.native())};
}

std::optional<Error> refuse_or_enter(soci::session& session, const Node& node, NodeTool tool, bool dry_run,
                                     const Deadline& deadline) {
    auto* connection = db::connection(session);
    const auto name = node.name.empty() ? std::string{"null"} : literal(connection, node.name);
    const auto other = not_this(connection, node);
    const auto refused = other + (node.name.empty() ? fmt::format(" and (name is not null or {})", lately)
                                                    : fmt::format(" and name = {} and {}", name, lately));
    std::string sql;
    // A standby, or a database that is set to read only, allows queries but no changes.
    const bool silent =
        dry_run ||
        std::string_view{PQgetvalue(ask(connection, "show transaction_read_only", deadline).get(), 0, 0)} == "on";
    if (!silent)
        sql = fmt::format(R"(
            lock table nodes in share row exclusive mode;
            delete from nodes where {other} and name = {name} and not ({lately});
            insert into nodes (name, host, spool, {column})
                select {name}, {host}, {spool}, now() where not exists (select from nodes where {refused})
                on conflict (host, spool) do update set name = excluded.name, {column} = excluded.{column};)",
                          fmt::arg("other", other), fmt::arg("name", name), fmt::arg("lately", lately),
                          fmt::arg("column", tool == NodeTool::stitch ? "last_stitch" : "last_archive"),
                          fmt::arg("host", literal(connection, node.host)),
                          fmt::arg("spool", literal(connection, node.spool)), fmt::arg("refused", refused));
    sql += fmt::format(R"(
            select name, host, spool,
                coalesce(to_char(greatest(last_stitch, last_archive) at time zone 'UTC',
                                 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'never'), id
            from nodes where {} order by greatest(last_stitch, last_archive) desc nulls last limit 1)",
                       refused);
    const auto found = ask(connection, sql, deadline);
    return PQntuples(found.get()) == 0 ? std::nullopt : std::optional{refusal(node, found.get())};
}

void record_import(soci::session& session, const Node& node, const Deadline& deadline) {
    ask_patiently(connection(session), "record this run",
                  R"(insert into nodes (host, spool, last_import) values ($1, $2, now())
                     on conflict (host, spool) do update set last_import = excluded.last_import)",
                  {node.host, node.spool}, deadline);
}

NodeTable list_nodes(soci::session& session, const Deadline& deadline) {
    const auto found = ask(connection(session),
                           R"(select id, name, host, spool, extract(epoch from last_import)::bigint,
                                  extract(epoch from last_stitch)::bigint, extract(epoch from last_archive)::bigint,
                                  extract(epoch from clock_timestamp())::bigint
                              from (values (1)) one left join nodes on true order by name nulls first, host, spool)",
                           deadline);
    const auto time = [&](int row, int column) -> std::optional<std::chrono::sys_seconds> {
        if (PQgetisnull(found.get(), row, column) != 0)
            return std::nullopt;
        return std::chrono::sys_seconds{std::chrono::seconds{std::stoll(PQgetvalue(found.get(), row, column))}};
    };
    NodeTable table;
    for (int row = 0; row < PQntuples(found.get()); ++row) {
        table.now = *time(row, 7);
        if (PQgetisnull(found.get(), row, 0) != 0)
            continue;
        const auto text = [&](int column) { return std::string{PQgetvalue(found.get(), row, column)}; };
        table.rows.push_back(
            {std::stoll(text(0)), {text(1), text(2), text(3)}, time(row, 4), time(row, 5), time(row, 6)});
    }
    return table;
}

const NodeRow* NodeTable::find(const Node& node) const {
    const auto own = std::find_if(rows.begin(), rows.end(), [&](const NodeRow& row) {
        return row.node.host == node.host && row.node.spool == node.spool;
    });
    return own == rows.end() ? nullptr : &*own;
}

bool other_nodes_known(soci::session& session, const Node& node, const Deadline& deadline) {
    auto* connection = db::connection(session);
    const auto found = ask(connection,
                           fmt::format("select 1 from nodes where {} and (name is not null or {}) limit 1",
                                       not_this(connection, node), lately),
                           deadline);
    return PQntuples(found.get()) > 0;
}

void hold_unnamed_archive(soci::session& session, const Deadline& deadline) {
    ask(db::connection(session), fmt::format("select pg_advisory_lock_shared({})", unnamed_archive), deadline);
}

bool unnamed_archive_runs(soci::session& session, const Deadline& deadline) {
    const auto held = ask(db::connection(session),
                          fmt::format("select 1 from pg_locks where locktype = 'advisory' and (classid, objid) = ({}) "
                                      "and objsubid = 2 and database = (select oid from pg_database where datname = "
                                      "current_database()) limit 1",
                                      unnamed_archive),
                          deadline);
    return PQntuples(held.get()) > 0;
}

} // namespace pbx::db
