// The rights are those that the hourly runs need. A table that does not exist yet is a pending migration.
#include "db/server.hpp"

#include "db/patient_query.hpp"
#include "db/session.hpp"

#include <map>
#include <memory>
#include <string_view>

namespace pbx::db {

namespace {

constexpr const char* facts = R"(
    select current_database(), current_user, current_setting('transaction_read_only') = 'on',
        (extract(epoch from clock_timestamp()) * 1000)::bigint)";

constexpr const char* rights = R"(
    (select format('grant %s on %s to %I', string_agg(wanted, ', '), name, current_user)
    from (values ('asterisk_cdr', 'select'), ('asterisk_cdr', 'insert'), ('organizations', 'select'),
                 ('nodes', 'select'), ('nodes', 'insert'), ('nodes', 'update'), ('nodes', 'delete'),
                 ('recordings', 'select'), ('recordings', 'insert'), ('recordings', 'update'),
                 ('archives', 'select'), ('cdr_imports', 'select'), ('cdr_imports', 'insert'),
                 ('cdr_imports', 'update'), ('cdr_imports', 'delete')) needed (name, wanted)
    where to_regclass(name) is not null and not has_table_privilege(to_regclass(name), wanted)
    group by name order by name)
    union all
    (select format('grant usage on sequence %s to %I', s.oid::regclass, current_user)
    from pg_depend d join pg_class s on s.oid = d.objid
    where d.refobjid = to_regclass('asterisk_cdr') and d.deptype = 'a'
        and case s.relkind when 'S' then not has_sequence_privilege(s.oid, 'usage') end))";

using Instant = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

Instant now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

} // namespace

ServerFacts ask_server(soci::session& session, const Deadline& deadline) {
    auto* server = connection(session);
    const auto before = now();
    const auto row = ask_patiently(server, "ask the database about itself", facts, {}, deadline);
    const auto middle = before + (now() - before) / 2;
    ServerFacts result;
    result.version = PQserverVersion(server);
    result.database = PQgetvalue(row.get(), 0, 0);
    result.user = PQgetvalue(row.get(), 0, 1);
    result.read_only = std::string_view{PQgetvalue(row.get(), 0, 2)} == "t";
    result.clock_ahead = Instant{std::chrono::milliseconds{std::stoll(PQgetvalue(row.get(), 0, 3))}} - middle;
    const auto missing = ask_patiently(server, "look at the rights of the database user", rights, {}, deadline);
    for (int i = 0; i < PQntuples(missing.get()); ++i)
        result.missing_rights.emplace_back(PQgetvalue(missing.get(), i, 0));
    return result;
}

std::vector<std::pair<std::string, std::string>> connection_files(const std::string& conninfo) {
    using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;
    // PQconndefaults() takes the environment and the service file into account, PQconninfoParse() does not.
    const Options defaults{PQconndefaults(), &PQconninfoFree};
    const Options given{PQconninfoParse(conninfo.c_str(), nullptr), &PQconninfoFree};
    std::map<std::string, std::string> files;
    for (const auto* options : {defaults.get(), given.get()})
        for (const auto* option = options; option != nullptr && option->keyword != nullptr; ++option)
            for (const std::string_view wanted : {"sslcert", "sslkey", "sslrootcert"})
                if (option->keyword == wanted && option->val != nullptr && *option->val == '/')
                    files[option->keyword] = option->val;
    return {files.begin(), files.end()};
}

} // namespace pbx::db
