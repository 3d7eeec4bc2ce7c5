// Migrations run on libpq's connection directly: SOCI would treat ":name" in their text as a parameter.
#include "db/migration_runner.hpp"

#include "base/deadline.hpp"
#include "base/lines.hpp"
#include "base/log.hpp"
#include "db/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <regex>
#include <thread>

namespace pbx::db {

namespace {

// "pbx-migr" in ASCII. One lock per database: two runners take turns, whatever schema they migrate.
constexpr std::int64_t lock_key = 0x7062782d6d696772;

// How long a statement waits for a table in use. While it waits, all other sessions queue behind it.
constexpr std::chrono::seconds table_patience{5};

std::string field(const PGresult* result, const char which) {
    const char* text = PQresultErrorField(result, which);
    return text == nullptr ? std::string{} : std::string{text};
}

// Migrations use WARNING for what an operator must read; PostgreSQL uses NOTICE for routine messages.
void show_notice(const PGresult* notice) {
    const auto message = field(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (field(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING")
        log::warn("{}", message);
    else
        log::note("{}", message);
}

} // namespace

MigrationRunner::MigrationRunner(const MigrateOptions& options) : options_{options} {
    // Positions in errors are counted in characters of this encoding.
    ::setenv("PGCLIENTENCODING", "UTF8", 1);
    connect(session_, options.database, options.timeout);
    connection_ = connection(session_);
    PQsetNoticeReceiver(
        connection_, [](void*, const PGresult* notice) { show_notice(notice); }, nullptr);
    prepare_session();
    schema_ = value("find the schema", "select quote_ident(current_schema())");
    if (schema_.empty())
        throw Error{Exit::config, "the database user has no schema to create tables in",
                    "check search_path, and grant CREATE on a schema in it"};
    table_ = schema_ + ".schema_migrations";
}

// Polls, because a blocking pg_advisory_lock holds a snapshot. CREATE INDEX CONCURRENTLY in the other session would
// wait for that snapshot, and both would hang.
void MigrationRunner::lock() {
    const auto deadline = Deadline::of_run(options_.lock_timeout);
    const auto take = fmt::format("select pg_try_advisory_lock({})", lock_key);
    const WaitingFor waiting{"another pbx-migrate", Exit::temporary};
    for (bool said = false; value("lock", take) != "t"; said = true) {
        const auto holder = value("find the other runner", fmt::format(R"(
            select coalesce(max(format('process %s%s, since %s', a.pid, ' on ' || host(a.client_addr),
                                       date_trunc('second', a.backend_start))), 'unknown')
            from pg_locks l join pg_stat_activity a using (pid)
            where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
                and l.database = (select oid from pg_database where datname = current_database())
                and (l.classid::bigint << 32) + l.objid::bigint = {})",
                                                                       lock_key));
        if (deadline.passed())
            throw Error{Exit::temporary, fmt::format("another pbx-migrate is running (server {})", holder),
                        "wait for it, or increase --lock-timeout; pg_terminate_backend() ends one that hangs"};
        if (!said)
            log::warn("waiting for another pbx-migrate (server {})", holder);
        std::this_thread::sleep_for(std::min(deadline.left(), std::chrono::milliseconds{100}));
    }
}

std::vector<MigrationRecord> MigrationRunner::records() {
    has_table_ = value("look for the records",
                       "select to_regclass(quote_ident(current_schema()) || '.schema_migrations') is not null") == "t";
    if (!has_table_)
        return {};
    const auto rows =
        query("read the records", fmt::format("select version, checksum, applied_at, duration_ms from {}", table_));
    std::vector<MigrationRecord> result;
    result.reserve(static_cast<std::size_t>(PQntuples(rows.get())));
    for (int row = 0; row < PQntuples(rows.get()); ++row)
        result.push_back({PQgetvalue(rows.get(), row, 0), PQgetvalue(rows.get(), row, 1),
                          PQgetvalue(rows.get(), row, 2),
                          std::chrono::milliseconds{std::strtoll(PQgetvalue(rows.get(), row, 3), nullptr, 10)}});
    return result;
}

void MigrationRunner::apply(const Migration& file) {
    const auto start = Clock::now();
    if (file.in_transaction)
        apply_in_transaction(file, start);
    else
        apply_without_transaction(file, start);
    has_table_ = true;
    reset_session();
}

void MigrationRunner::record_all(const std::vector<const Migration*>& files) {
    query("begin", "begin");
    for (const auto* file : files)
        record(*file, Clock::duration::zero());
    query("commit", "commit");
    has_table_ = true;
}

std::vector<SchemaDifference> MigrationRunner::differences_from(const std::vector<const Migration*>& files) {
    constexpr const char* reference = "pbx_migrate_reference";
    static const std::regex concurrently{R"(\bconcurrently\b)", std::regex::icase}; // impossible in a transaction
    const auto deadline = Deadline::of_run(options_.timeout);
    for (const auto* file : files) {
        require_sound(*file);
        const auto statements = split_statements(file->text);
        if (std::any_of(statements.begin(), statements.end(), controls_transaction))
            throw Error{Exit::data,
                        file->path.native() + ": it ends a transaction, so it cannot be tried and rolled back",
                        "compare with the versions before it, or record it with pbx-migrate baseline --force"};
    }
    query("begin", "begin");
    try {
        query("create a schema to compare with", fmt::format("create schema {}", reference));
        query("choose that schema", fmt::format("set local search_path = {}", reference));
        for (const auto* file : files)
            run(*file, file->in_transaction ? file->text : std::regex_replace(file->text, concurrently, ""), 1);
        const auto wanted = read_schema(connection_, reference, deadline);
        const auto actual = read_schema(connection_, schema_, deadline);
        query("drop that schema", "rollback");
        return compare(actual, wanted);
    } catch (const Error&) {
        const Result ignored{PQexec(connection_, "rollback"), &PQclear};
        throw;
    }
}

std::set<std::string> MigrationRunner::invalid_indexes() {
    const auto rows = query("look at the indexes", R"(
        select i.indexrelid::regclass::text from pg_index i
        where not i.indisvalid
            and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
            and (select relkind from pg_class where oid = i.indexrelid) = 'i')");
    std::set<std::string> result;
    for (int row = 0; row < PQntuples(rows.get()); ++row)
        result.insert(PQgetvalue(rows.get(), row, 0));
    return result;
}

void MigrationRunner::prepare_session() {
    query("prepare the session",
          fmt::format("set statement_timeout = {}", std::chrono::milliseconds{options_.timeout}.count()));
    // Otherwise the server process of a killed runner would continue, and keep the lock.
    constexpr int first_with_check = 140000;
    if (PQserverVersion(connection_) >= first_with_check)
        query("prepare the session", "set client_connection_check_interval = '500ms'");
}

std::chrono::milliseconds MigrationRunner::patience() const {
    using std::chrono::milliseconds;
    return std::max(milliseconds{std::min(table_patience, options_.lock_timeout)}, milliseconds{1});
}

void MigrationRunner::set_lock_timeout(std::chrono::milliseconds timeout) {
    query("set the lock timeout", fmt::format("set lock_timeout = {}", timeout.count()));
}

std::chrono::milliseconds MigrationRunner::lock_timeout() {
    const auto text = value("ask for the lock timeout", "select setting from pg_settings where name = 'lock_timeout'");
    return std::chrono::milliseconds{std::strtoll(text.c_str(), nullptr, 10)};
}

// A file may leave settings behind (search_path, role) that must not affect its record or the next file.
void MigrationRunner::reset_session() {
    query("reset the session", "reset session authorization");
    query("reset the session", "reset role");
    query("reset the session", "reset all");
    prepare_session();
}

MigrationRunner::Result MigrationRunner::query(const std::string& doing, const std::string& text) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    Result result{PQexec(connection_, text.c_str()), &PQclear};
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw sql_error(doing, field(result.get(), PG_DIAG_SQLSTATE), PQerrorMessage(connection_));
    return result;
}

std::string MigrationRunner::value(const std::string& doing, const std::string& text) {
    const auto result = query(doing, text);
    return PQntuples(result.get()) == 0 ? std::string{} : PQgetvalue(result.get(), 0, 0);
}

void MigrationRunner::record(const Migration& file, Clock::duration duration) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    // Created here and not earlier, so that a first file that fails leaves nothing behind.
    if (!has_table_)
        query("create schema_migrations", fmt::format(R"(
            create table if not exists {} (
                version text primary key,
                checksum text not null,
                applied_at timestamptz not null default now(),
                duration_ms bigint not null default 0
            ))",
                                                      table_));
    // Versions and checksums contain only letters, digits, dots, dashes and underscores: no need to quote.
    query("record " + file.version,
          fmt::format("insert into {} (version, checksum, applied_at, duration_ms) values ('{}', '{}', "
                      "clock_timestamp(), {})",
                      table_, file.version, file.checksum, milliseconds));
}

void MigrationRunner::apply_in_transaction(const Migration& file, Clock::time_point start) {
    query("begin", "begin");
    try {
        query("set the lock timeout", fmt::format("set local lock_timeout = {}", patience().count()));
        const auto before = value("begin", "select pg_current_xact_id()");
        run(file, file.text, 1);
        // split_statements should have found any COMMIT; this detects one that it missed.
        if (PQtransactionStatus(connection_) != PQTRANS_INTRANS ||
            value("look at the transaction", "select pg_current_xact_id()") != before)
            throw Error{
                Exit::data,
                file.path.native() + ": it ended its transaction by itself; the statements before that "
                                     "took effect, but are not recorded",
                "remove the transaction commands from the file; check what took effect before you run it again"};
        reset_session();
        record(file, Clock::now() - start);
        query("commit " + file.version, "commit");
    } catch (const Error&) {
        // Ignore the result: a lost connection has rolled back too.
        const Result ignored{PQexec(connection_, "rollback"), &PQclear};
        throw;
    }
}

// The index of this name in our schema, as invalid_indexes() has it; empty when there is none.
std::string MigrationRunner::index_of(const std::string& name) {
    const std::unique_ptr<char, decltype(&PQfreemem)> quoted{PQescapeLiteral(connection_, name.data(), name.size()),
                                                             &PQfreemem};
    if (!quoted)
        throw sql_error("look for an index", {}, PQerrorMessage(connection_));
    return value("look for an index", fmt::format(R"(
        select oid::regclass from pg_class
        where relkind = 'i' and relname = {}::name and relnamespace::regnamespace::text = $schema${}$schema$)",
                                                  quoted.get(), schema_));
}

// Runs a statement that waits for tables as those of other files do. One with CONCURRENTLY keeps nobody waiting, and
// waits for all old transactions to end, however long they take.
void MigrationRunner::run_patiently(const Migration& file, const Statement& statement) {
    const bool unlimited = is_concurrent(statement) && lock_timeout() == patience();
    if (unlimited)
        set_lock_timeout(std::chrono::milliseconds{0});
    run(file, statement.text, statement.line);
    if (unlimited)
        set_lock_timeout(patience());
}

void MigrationRunner::apply_without_transaction(const Migration& file, Clock::time_point start) {
    // IF NOT EXISTS would accept an unfinished index of a killed run as complete.
    drop_invalid(file, {});
    const auto others = invalid_indexes();
    set_lock_timeout(patience());
    try {
        // Send one statement at a time: several together would be one transaction.
        for (const auto& statement : split_statements(file.text))
            run_patiently(file, statement);
        if (PQtransactionStatus(connection_) != PQTRANS_IDLE)
            throw Error{Exit::data, file.path.native() + ": it leaves a transaction open", "add the missing COMMIT"};
        for (const auto& index : invalid_indexes())
            if (!others.contains(index))
                throw Error{Exit::data, fmt::format("{}: index {} is INVALID", file.path.native(), index),
                            "PostgreSQL could not finish it; \\d on its table shows why"};
    } catch (const Error& error) {
        const Result ignored{PQexec(connection_, "rollback"), &PQclear};
        if (error.status() != Exit::unavailable)
            drop_invalid(file, others);
        throw;
    }
    reset_session();
    record(file, Clock::now() - start);
}

// Drops the invalid indexes that the file creates, but not those in `except`.
void MigrationRunner::drop_invalid(const Migration& file, const std::set<std::string>& except) {
    set_lock_timeout(std::chrono::milliseconds{0});
    const auto invalid = invalid_indexes();
    for (const auto& statement : split_statements(file.text)) {
        const auto index = index_of(name_of_created_index(statement));
        if (!invalid.contains(index) || except.contains(index))
            continue;
        query("drop the INVALID index " + index, "drop index concurrently if exists " + index);
        log::warn("dropped the INVALID index {} that {} had left unfinished", index, file.version);
    }
}

// Sends `text`, which begins at line `first_line` of the file, unchanged.
void MigrationRunner::run(const Migration& file, std::string_view text, std::size_t first_line) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    if (PQsendQuery(connection_, std::string{text}.c_str()) == 0)
        throw sql_error("run " + file.path.native(), {}, PQerrorMessage(connection_));
    std::size_t done = 0;
    std::optional<Error> fault;
    while (const Result result{PQgetResult(connection_), &PQclear}) {
        const auto status = PQresultStatus(result.get());
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            if (!fault)
                fault = Error{Exit::data,
                              fmt::format("{}:{}: COPY from or to the client is not possible here", file.path.native(),
                                          line_of_statement(text, done, first_line)),
                              "write the rows as INSERT ... VALUES"};
            end_copy(status);
        } else if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
            if (!fault)
                fault = file_error(file, text, first_line, done, result.get());
        } else {
            ++done;
        }
    }
    if (fault)
        throw Error{*fault};
}

void MigrationRunner::end_copy(ExecStatusType status) {
    if (status == PGRES_COPY_IN)
        PQputCopyEnd(connection_, "not possible in a migration");
    char* row = nullptr;
    while (status == PGRES_COPY_OUT && PQgetCopyData(connection_, &row, 0) > 0)
        PQfreemem(row);
}

std::size_t MigrationRunner::line_of_statement(std::string_view text, std::size_t number, std::size_t first_line) {
    const auto statements = split_statements(text);
    return number < statements.size() ? first_line + statements[number].line - 1 : first_line;
}

Error MigrationRunner::file_error(const Migration& file, std::string_view text, std::size_t first_line,
                                  std::size_t done, const PGresult* result) const {
    const auto state = field(result, PG_DIAG_SQLSTATE);
    const auto message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (state.empty() || PQstatus(connection_) == CONNECTION_BAD)
        return sql_error("run " + file.path.native(), state, PQerrorMessage(connection_));
    // A syntax error comes with its position. For other errors, the number of completed statements shows which one
    // failed.
    const auto position = field(result, PG_DIAG_STATEMENT_POSITION);
    const auto line = position.empty()
                          ? line_of_statement(text, done, first_line)
                          : first_line + line_of_character(text, std::strtoul(position.c_str(), nullptr, 10)) - 1;
    auto what = fmt::format("{}:{}: {}", file.path.native(), line, message);
    // The DETAIL of a violated constraint can be a whole row, passwords included. A DETAIL of several lines is a list.
    const bool has_row = state == "23502" || state == "23514" || state == "44000";
    const auto detail = has_row ? std::string{} : field(result, PG_DIAG_MESSAGE_DETAIL);
    if (const Lines lines{detail}; std::distance(lines.begin(), lines.end()) == 1)
        what += fmt::format(" ({})", *lines.begin());
    else
        for (const auto item : lines)
            log::error({Exit::data, std::string{item}});
    const auto status = sql_error({}, state, message).status();
    const bool own = status == Exit::software || status == Exit::config;
    return {own ? Exit::data : status, what, advice(state, file, result)};
}

std::string MigrationRunner::advice(const std::string& state, const Migration& file, const PGresult* result) {
    if (state == "25001")
        return "begin the file with the line \"-- pbx-migrate: no-transaction\"";
    if (state == "55P03")
        return "a session uses the table; run it again, or look in pg_stat_activity for a long transaction";
    if (state == "25006")
        return "it is a standby, or set to read only (default_transaction_read_only): name the primary with "
               "--database";
    if (auto hint = field(result, PG_DIAG_MESSAGE_HINT); !hint.empty())
        return hint;
    if (state == "42P07" || state == "42710" || state == "42701")
        return "for a schema that pbx-migrate did not create: pbx-migrate baseline VERSION";
    return file.in_transaction
               ? "nothing of this file took effect: correct it, then run pbx-migrate up again"
               : "the statements before that line took effect: change the file so that it can run a second time";
}
} // namespace pbx::db
