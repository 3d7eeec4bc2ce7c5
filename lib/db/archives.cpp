// A marker that is stored before its id is remembered may be left alone by a kill: the next init adopts it.
#include "db/archives.hpp"

#include "base/printable.hpp"
#include "db/patient_query.hpp"
#include "db/session.hpp"

namespace pbx::db {

namespace {

constexpr const char* asking = "look up the archive's id";

} // namespace

std::vector<std::string> accepted_archives(soci::session& session, const std::string& remote,
                                           const Deadline& deadline) {
    constexpr const char* sql = "select distinct id from archives where remote = $1 "
                                "or not exists (select from archives where remote = $1)";
    const auto rows = ask_patiently(connection(session), asking, sql, {printable(remote)}, deadline);
    std::vector<std::string> ids;
    ids.reserve(static_cast<std::size_t>(PQntuples(rows.get())));
    for (int row = 0; row < PQntuples(rows.get()); ++row)
        ids.emplace_back(PQgetvalue(rows.get(), row, 0));
    return ids;
}

ArchiveRecord::ArchiveRecord(soci::session& session, const std::string& remote, const Deadline& deadline)
    : session_{session}, transaction_{session}, remote_{printable(remote)} {
    auto* server = connection(session);
    ask_patiently(server, asking, "lock table archives in share row exclusive mode", {}, deadline);
    const auto rows = ask_patiently(server, asking, "select id from archives where remote = $1", {remote_}, deadline);
    if (PQntuples(rows.get()) > 0)
        id_ = PQgetvalue(rows.get(), 0, 0);
}

void ArchiveRecord::remember(const std::string& id) {
    guarded("remember the archive's id", [&] {
        session_ << R"(insert into archives (remote, id) values (:remote, :id)
                       on conflict (remote) do update set id = excluded.id, made_at = now())",
            soci::use(remote_), soci::use(id);
        transaction_.commit();
    });
    id_ = id;
}

} // namespace pbx::db
