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

// Other programs, and statements by hand, change tables too. Nothing stays of what the comparison creates.
void compare_schema(db::MigrationRunner& runner, const std::vector<db::Migration>& files, Findings& findings) {
    std::vector<const db::Migration*> all;
    all.reserve(files.size());
    for (const auto& file : files)
        all.push_back(&file);
    try {
        const auto differences = runner.differences_from(all);
        if (!differences.empty())
            findings.fail(fmt::format("the schema has {}, the first is: {}", counted(differences.size(), "difference"),
                                      differences.front().text),
                          "pbx-migrate check");
    } catch (const Error& error) {
        if (error.status() != Exit::no_permission)
            throw;
        findings.ok("the schema was not compared with the migrations: " + std::string{error.what()});
    }
}

void check_schema(const CheckOptions& options, bool read_only, const Deadline& deadline, Findings& findings) {
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
        applied == static_cast<std::int64_t>(entries.size())) {
        findings.ok(fmt::format("all {} migrations are applied", applied));
        if (!read_only)
            compare_schema(runner, files, findings);
    }
}

} // namespace

void check_database(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    bool read_only = false;
    {
        soci::session session;
        db::connect(session, options.database, seconds_left(deadline));
        const auto server = db::ask_server(session, deadline);
        check_server(server, findings);
        read_only = server.read_only;
    }
    check_schema(options, read_only, deadline, findings);
}

} // namespace pbx::check
