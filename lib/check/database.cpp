// Whether the tools can work with the database, and whether its schema is that of this version.
#include "check/areas.hpp"
#include "check/session.hpp"
#include "db/migration_runner.hpp"
#include "db/server.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pbx::check {

namespace {

constexpr int oldest_version = 130000;

void check_server(const db::ServerFacts& server, Findings& findings) {
    // Since 10 a version has two parts.
    const auto version = fmt::format("{}.{}", server.version / 10000, server.version % 10000);
    if (server.version < oldest_version)
        findings.fail(fmt::format("PostgreSQL {} is too old", version), "upgrade it to version 13 or later");
    else
        findings.ok(fmt::format("PostgreSQL {}, database {}, user {}", version, server.database, server.user));
    if (server.read_only)
        findings.fail("the database is read-only",
                      "it is a standby, or has default_transaction_read_only: name the primary with --database");
    if (!server.missing_rights.empty())
        findings.fail(fmt::format("the database user {} lacks rights", server.user),
                      fmt::format("psql -c \"{}\"", fmt::join(server.missing_rights, "; ")));
}

void check_schema(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    const auto files = db::read_migrations(options.migrations);
    const auto left = seconds_left(deadline);
    db::MigrationRunner runner{{options.database, options.migrations, left, left}};
    const auto entries = db::compare(files, runner.records());
    for (const auto& entry : entries)
        if (entry.is_fault())
            findings.fail(entry.fault());
    const auto pending = db::pending(entries, {});
    if (!pending.empty())
        findings.fail(
            fmt::format("{} pending, the first is {}", counted(pending.size(), "migration"), pending.front()->version),
            "run pbx-migrate up");
    for (const auto& index : runner.invalid_indexes())
        findings.fail(fmt::format("index {} is INVALID: PostgreSQL does not use it", index),
                      fmt::format("psql -c 'reindex index concurrently {}'", index));
    if (const auto applied = db::count(entries, db::MigrationState::applied);
        applied == static_cast<std::int64_t>(entries.size()))
        findings.ok(fmt::format("all {} migrations are applied", applied));
}

} // namespace

void check_database(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    {
        soci::session session;
        db::connect(session, options.database, seconds_left(deadline));
        check_server(db::ask_server(session, deadline), findings);
    }
    check_schema(options, deadline, findings);
}

} // namespace pbx::check
