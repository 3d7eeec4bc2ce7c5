// Migrations run on libpq's connection directly: SOCI would take ":name" in their text for a parameter.
#include "db/migrations.hpp"

#include "base/deadline.hpp"
#include "base/words.hpp"
#include "db/session.hpp"
#include "db/sql_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>

namespace pbx::db {

namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;
using Clock = std::chrono::steady_clock;

// "pbx-migr" in ASCII. One lock a database: whatever schema is migrated, two runners take turns.
constexpr std::int64_t lock_key = 0x7062782d6d696772;

// How long a statement waits for a table that somebody uses. While it waits, everybody else queues behind it.
constexpr std::chrono::seconds table_patience{5};

enum class State { applied, pending, out_of_order, changed, vanished };

const char* name_of(State state) {
    switch (state) {
    case State::applied:
        return "applied";
    case State::pending:
        return "pending";
    case State::out_of_order:
        return "out of order";
    case State::changed:
        return "changed";
    case State::vanished:
        return "vanished";
    }
    return "";
}

// A row of schema_migrations.
struct Record {
    std::string version;
    std::string checksum;
    std::string applied_at;
    std::int64_t duration = 0;
};

struct Entry {
    State state = State::pending;
    std::string version;
    const Migration* file = nullptr;
    std::optional<Record> record;
};

std::string field(const PGresult* result, const char which) {
    const char* text = PQresultErrorField(result, which);
    return text == nullptr ? std::string{} : std::string{text};
}

class Runner {
  public:
    explicit Runner(const MigrateOptions& options) : options_{options} {
        // Positions in errors are counted in characters of this encoding.
        ::setenv("PGCLIENTENCODING", "UTF8", 1);
        connect(session_, options.database, options.timeout);
        connection_ = connection(session_);
        PQsetNoticeProcessor(
            connection_, [](void*, const char* text) { words::note("{}", text); }, nullptr);
        prepare_session();
        schema_ = value("find the schema", "select quote_ident(current_schema())");
        if (schema_.empty())
            throw Error{Exit::config, "the database user has no schema to create tables in",
                        "look at search_path, and grant the right to create in it"};
        table_ = schema_ + ".schema_migrations";
    }

    // Waits for other runners by polling: a blocking pg_advisory_lock holds a snapshot, for which CREATE INDEX
    // CONCURRENTLY in the other session waits in turn, and both hang.
    void lock() {
        const auto deadline = Deadline::after(options_.lock_timeout);
        const auto take = fmt::format("select pg_try_advisory_lock({})", lock_key);
        const Waiting waiting{"another pbx-migrate", Exit::temporary};
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
                throw Error{
                    Exit::temporary, fmt::format("another pbx-migrate is at work (the server's {})", holder),
                    "wait for it, or give --lock-timeout more time; pg_terminate_backend() ends one that hangs"};
            if (!said)
                words::warn("waiting for another pbx-migrate (the server's {})", holder);
            std::this_thread::sleep_for(std::min(deadline.left(), std::chrono::milliseconds{100}));
        }
    }

    std::vector<Record> records() {
        has_table_ =
            value("look for the records",
                  "select to_regclass(quote_ident(current_schema()) || '.schema_migrations') is not null") == "t";
        if (!has_table_)
            return {};
        const auto rows =
            query("read the records", fmt::format("select version, checksum, applied_at, duration_ms from {}", table_));
        std::vector<Record> result;
        result.reserve(static_cast<std::size_t>(PQntuples(rows.get())));
        for (int row = 0; row < PQntuples(rows.get()); ++row)
            result.push_back({PQgetvalue(rows.get(), row, 0), PQgetvalue(rows.get(), row, 1),
                              PQgetvalue(rows.get(), row, 2),
                              std::strtoll(PQgetvalue(rows.get(), row, 3), nullptr, 10)});
        return result;
    }

    void apply(const Migration& file) {
        const auto start = Clock::now();
        if (file.in_transaction)
            apply_in_transaction(file, start);
        else
            apply_without_transaction(file, start);
        has_table_ = true;
        reset_session();
    }

    void record_all(const std::vector<const Migration*>& files) {
        query("begin", "begin");
        for (const auto* file : files)
            record(*file, Clock::duration::zero());
        query("commit", "commit");
        has_table_ = true;
    }

    // Indexes that a failed or killed CREATE INDEX CONCURRENTLY left behind: never used, and yet in the way.
    std::set<std::string> invalid_indexes() {
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

  private:
    void prepare_session() {
        query("prepare the session",
              fmt::format("set statement_timeout = {}", std::chrono::milliseconds{options_.timeout}.count()));
        // The server of a killed runner would work on, and keep the lock.
        constexpr int first_with_check = 140000;
        if (PQserverVersion(connection_) >= first_with_check)
            query("prepare the session", "set client_connection_check_interval = '500ms'");
    }

    // A file may leave settings behind (search_path, role) that neither its record nor the next file must meet.
    void reset_session() {
        query("reset the session", "reset session authorization");
        query("reset the session", "reset role");
        query("reset the session", "reset all");
        prepare_session();
    }

    Result query(const std::string& doing, const std::string& text) {
        const Waiting waiting{"the database", Exit::unavailable};
        Result result{PQexec(connection_, text.c_str()), &PQclear};
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            throw sql_error(doing, field(result.get(), PG_DIAG_SQLSTATE), PQerrorMessage(connection_));
        return result;
    }

    std::string value(const std::string& doing, const std::string& text) {
        const auto result = query(doing, text);
        return PQntuples(result.get()) == 0 ? std::string{} : PQgetvalue(result.get(), 0, 0);
    }

    void record(const Migration& file, Clock::duration duration) {
        const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
        // Here and not beforehand, so that a failed first file leaves nothing at all behind.
        if (!has_table_)
            query("create schema_migrations", fmt::format(R"(
                create table if not exists {} (
                    version text primary key,
                    checksum text not null,
                    applied_at timestamptz not null default now(),
                    duration_ms bigint not null default 0
                ))",
                                                          table_));
        // A version is made of letters, digits, dots and dashes, a checksum of digits: nothing to quote.
        query("record " + file.version,
              fmt::format("insert into {} (version, checksum, applied_at, duration_ms) values ('{}', '{}', "
                          "clock_timestamp(), {})",
                          table_, file.version, file.checksum, milliseconds));
    }

    void apply_in_transaction(const Migration& file, Clock::time_point start) {
        query("begin", "begin");
        try {
            const auto patience = std::chrono::milliseconds{std::min(table_patience, options_.lock_timeout)}.count();
            query("set the lock timeout",
                  fmt::format("set local lock_timeout = {}", std::max<std::int64_t>(patience, 1)));
            const auto before = value("begin", "select pg_current_xact_id()");
            run(file, file.text, 1);
            // split_statements should have found a COMMIT; this finds what it did not.
            if (PQtransactionStatus(connection_) != PQTRANS_INTRANS ||
                value("look at the transaction", "select pg_current_xact_id()") != before)
                throw Error{Exit::data,
                            file.path.native() + ": it ended its transaction by itself, and what stands before that "
                                                 "is done but not recorded",
                            "leave transaction commands out of the file; look what is done before running it again"};
            reset_session();
            record(file, Clock::now() - start);
            query("commit " + file.version, "commit");
        } catch (const Error&) {
            // The connection may be gone, which comes to the same.
            const Result ignored{PQexec(connection_, "rollback"), &PQclear};
            throw;
        }
    }

    void apply_without_transaction(const Migration& file, Clock::time_point start) {
        // What a killed run left of this file's indexes would be taken for the index itself by IF NOT EXISTS.
        drop_invalid(file, {});
        const auto others = invalid_indexes();
        try {
            // Several statements sent together would be one transaction again.
            for (const auto& statement : split_statements(file.text))
                run(file, statement.text, statement.line);
            if (PQtransactionStatus(connection_) != PQTRANS_IDLE)
                throw Error{Exit::data, file.path.native() + ": it leaves a transaction open",
                            "end what it begins with a COMMIT"};
            for (const auto& index : invalid_indexes())
                if (!others.contains(index))
                    throw Error{Exit::data, fmt::format("{}: index {} is INVALID", file.path.native(), index),
                                "PostgreSQL could not finish it; \\d on its table tells more"};
        } catch (const Error& error) {
            const Result ignored{PQexec(connection_, "rollback"), &PQclear};
            if (error.kind() != Exit::unavailable)
                drop_invalid(file, others);
            throw;
        }
        reset_session();
        record(file, Clock::now() - start);
    }

    // Drops indexes that are invalid, were not so before, and are named in the file.
    void drop_invalid(const Migration& file, const std::set<std::string>& except) {
        for (const auto& index : invalid_indexes()) {
            const auto dot = index.rfind('.');
            auto bare = dot == std::string::npos ? index : index.substr(dot + 1);
            bare.erase(std::remove(bare.begin(), bare.end(), '"'), bare.end());
            if (except.contains(index) || file.text.find(bare) == std::string::npos)
                continue;
            query("drop the INVALID index " + index, "drop index concurrently if exists " + index);
            words::warn("dropped the INVALID index {} that {} had left unfinished", index, file.version);
        }
    }

    // Sends `text`, which stands in the file from line `first_line` on, as it is.
    void run(const Migration& file, std::string_view text, std::size_t first_line) {
        const Waiting waiting{"the database", Exit::unavailable};
        if (PQsendQuery(connection_, std::string{text}.c_str()) == 0)
            throw sql_error("run " + file.path.native(), {}, PQerrorMessage(connection_));
        std::size_t done = 0;
        std::optional<Error> fault;
        while (const Result result{PQgetResult(connection_), &PQclear}) {
            const auto status = PQresultStatus(result.get());
            if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
                if (!fault)
                    fault = Error{Exit::data,
                                  fmt::format("{}:{}: COPY from or to the client is not possible here",
                                              file.path.native(), line_of_statement(text, done, first_line)),
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

    void end_copy(ExecStatusType status) {
        if (status == PGRES_COPY_IN)
            PQputCopyEnd(connection_, "not possible in a migration");
        char* row = nullptr;
        while (status == PGRES_COPY_OUT && PQgetCopyData(connection_, &row, 0) > 0)
            PQfreemem(row);
    }

    static std::size_t line_of_statement(std::string_view text, std::size_t number, std::size_t first_line) {
        const auto statements = split_statements(text);
        return number < statements.size() ? first_line + statements[number].line - 1 : first_line;
    }

    Error file_error(const Migration& file, std::string_view text, std::size_t first_line, std::size_t done,
                     const PGresult* result) const {
        const auto state = field(result, PG_DIAG_SQLSTATE);
        const auto message = field(result, PG_DIAG_MESSAGE_PRIMARY);
        if (state.empty() || PQstatus(connection_) == CONNECTION_BAD)
            return sql_error("run " + file.path.native(), state, PQerrorMessage(connection_));
        // A syntax error comes with its place, before anything ran; other errors may not, but the statement is known by
        // how many have ended before it.
        const auto position = field(result, PG_DIAG_STATEMENT_POSITION);
        const auto line = position.empty()
                              ? line_of_statement(text, done, first_line)
                              : first_line + line_of_character(text, std::strtoul(position.c_str(), nullptr, 10)) - 1;
        auto what = fmt::format("{}:{}: {}", file.path.native(), line, message);
        if (const auto detail = field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty())
            what += " (" + detail + ")";
        const auto kind = sql_error({}, state, message).kind();
        const bool own = kind == Exit::software || kind == Exit::config;
        return {own ? Exit::data : kind, what, advice(state, file, result)};
    }

    static std::string advice(const std::string& state, const Migration& file, const PGresult* result) {
        if (state == "25001")
            return "begin the file with the line \"-- pbx-migrate: no-transaction\"";
        if (state == "55P03")
            return "somebody uses the table; run it again, or look in pg_stat_activity for a long transaction";
        if (state == "25006")
            return "it is a standby, or set to read only (default_transaction_read_only): name the primary with "
                   "--database";
        if (auto hint = field(result, PG_DIAG_MESSAGE_HINT); !hint.empty())
            return hint;
        if (state == "42P07" || state == "42710" || state == "42701")
            return "for a schema that was not made by pbx-migrate: pbx-migrate baseline VERSION";
        return file.in_transaction ? "nothing of this file was kept: mend it, then run pbx-migrate up again"
                                   : "what stands before that line is done: mend the file so that it can run again";
    }

    MigrateOptions options_;
    soci::session session_;
    PGconn* connection_ = nullptr;
    std::string schema_;
    std::string table_;
    bool has_table_ = false;
};

// Files and records side by side, in the order of their versions.
std::vector<Entry> compare(const std::vector<Migration>& files, const std::vector<Record>& records) {
    std::map<std::string, Entry> entries;
    for (const auto& file : files)
        entries[file.version] = {State::pending, file.version, &file, std::nullopt};
    std::string newest;
    for (const auto& record : records) {
        auto& entry = entries[record.version];
        entry.version = record.version;
        entry.record = record;
        if (entry.file == nullptr)
            entry.state = State::vanished;
        else
            entry.state = entry.file->checksum == record.checksum ? State::applied : State::changed;
        newest = std::max(newest, record.version);
    }
    std::vector<Entry> result;
    for (auto& [version, entry] : entries) {
        if (entry.state == State::pending && version < newest)
            entry.state = State::out_of_order;
        result.push_back(std::move(entry));
    }
    return result;
}

Error entry_fault(const Entry& entry) {
    if (entry.state == State::changed)
        return {Exit::data, fmt::format("{} changed after it was applied", entry.file->path.native()),
                "put the file back as it was, and make the change in a new one (pbx-migrate new WORDS)"};
    if (entry.state == State::vanished)
        return {Exit::data, fmt::format("{} was applied, and its file is gone", entry.version),
                "bring the file back; --migrations may name the folder of another release"};
    return {Exit::data,
            fmt::format("{} is pending, but sorts before what is applied already", entry.file->path.native()),
            "give it a later date, so that every database runs the same order"};
}

bool is_fault(const Entry& entry) {
    return entry.state != State::applied && entry.state != State::pending;
}

// Says all that is wrong with what was applied before: throws the last of it.
void require_clean(const std::vector<Entry>& entries) {
    std::optional<Error> last;
    for (const auto& entry : entries) {
        if (!is_fault(entry))
            continue;
        if (last)
            words::error(*last);
        last.emplace(entry_fault(entry));
    }
    if (last)
        throw Error{*last};
}

void require_known(const std::vector<Migration>& files, const std::string& version) {
    if (std::none_of(files.begin(), files.end(), [&](const auto& file) { return file.version == version; }))
        throw Error{Exit::usage, fmt::format("there is no migration {}", version),
                    fmt::format("the newest is {}; pbx-migrate status lists all", files.back().version)};
}

std::vector<const Migration*> pending(const std::vector<Entry>& entries, const std::string& to) {
    std::vector<const Migration*> result;
    for (const auto& entry : entries)
        if (entry.state == State::pending && (to.empty() || entry.version <= to))
            result.push_back(entry.file);
    return result;
}

std::int64_t count(const std::vector<Entry>& entries, State state) {
    return std::count_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.state == state; });
}

void print_json(const std::vector<Entry>& entries) {
    nlohmann::ordered_json report;
    report["migrations"] = nlohmann::ordered_json::array();
    for (const auto& entry : entries) {
        nlohmann::ordered_json item;
        item["version"] = entry.version;
        item["state"] = name_of(entry.state);
        item["checksum"] = entry.file == nullptr ? nullptr : nlohmann::ordered_json(entry.file->checksum);
        item["applied_checksum"] = entry.record ? nlohmann::ordered_json(entry.record->checksum) : nullptr;
        item["applied_at"] = entry.record ? nlohmann::ordered_json(entry.record->applied_at) : nullptr;
        item["duration_ms"] = entry.record ? nlohmann::ordered_json(entry.record->duration) : nullptr;
        report["migrations"].push_back(std::move(item));
    }
    report["applied"] = count(entries, State::applied);
    report["pending"] = count(entries, State::pending) + count(entries, State::out_of_order);
    report["changed"] = count(entries, State::changed);
    report["vanished"] = count(entries, State::vanished);
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

} // namespace

Exit migrate_up(const MigrateOptions& options, const std::string& to, bool dry_run) {
    const auto files = read_migrations(options.folder);
    if (!to.empty())
        require_known(files, to);
    Runner runner{options};
    if (!dry_run)
        runner.lock();
    const auto entries = compare(files, runner.records());
    require_clean(entries);
    const auto todo = pending(entries, to);
    // All of them before the first: better nothing than half of a release.
    for (const auto* file : todo)
        require_sound(*file);
    if (dry_run) {
        for (const auto* file : todo)
            fmt::print("{}\n", file->version);
        return Exit::ok;
    }
    for (const auto* file : todo) {
        const auto start = Clock::now();
        runner.apply(*file);
        words::warn("applied {} in {} ms", file->version,
                    std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count());
    }
    if (todo.empty())
        words::note("nothing is pending");
    return Exit::ok;
}

Exit migrate_status(const MigrateOptions& options, bool json) {
    const auto files = read_migrations(options.folder);
    const auto entries = compare(files, Runner{options}.records());
    if (json)
        print_json(entries);
    else
        for (const auto& entry : entries)
            fmt::print("{}\t{}\t{}\n", entry.version, name_of(entry.state),
                       entry.record ? entry.record->applied_at : "-");
    for (const auto& entry : entries)
        if (is_fault(entry))
            words::error(entry_fault(entry));
    if (count(entries, State::changed) + count(entries, State::vanished) > 0)
        return Exit::data;
    return count(entries, State::pending) + count(entries, State::out_of_order) > 0 ? Exit::differs : Exit::ok;
}

Exit migrate_verify(const MigrateOptions& options) {
    const auto files = read_migrations(options.folder);
    Runner runner{options};
    const auto entries = compare(files, runner.records());
    auto status = Exit::ok;
    const auto say = [&](const Error& error) {
        words::error(error);
        status = Exit::data;
    };
    for (const auto& entry : entries) {
        if (is_fault(entry))
            say(entry_fault(entry));
        if (entry.state == State::pending || entry.state == State::out_of_order)
            if (const auto fault = migration_fault(*entry.file); !fault.empty())
                say({Exit::data, entry.file->path.native() + ": " + fault});
    }
    for (const auto& index : runner.invalid_indexes())
        say({Exit::data, fmt::format("index {} is INVALID: PostgreSQL did not finish it, and does not use it", index),
             fmt::format("REINDEX INDEX CONCURRENTLY {};", index)});
    words::note("{} applied, {} pending", count(entries, State::applied),
                count(entries, State::pending) + count(entries, State::out_of_order));
    return status;
}

Exit migrate_baseline(const MigrateOptions& options, const std::string& version) {
    const auto files = read_migrations(options.folder);
    require_known(files, version);
    Runner runner{options};
    runner.lock();
    const auto entries = compare(files, runner.records());
    std::vector<const Migration*> missing;
    for (const auto& entry : entries) {
        if (entry.state == State::changed || entry.state == State::vanished)
            throw entry_fault(entry);
        if (entry.state != State::applied && entry.version <= version)
            missing.push_back(entry.file);
    }
    if (!missing.empty())
        runner.record_all(missing);
    for (const auto* file : missing)
        words::warn("recorded {} as applied, without running it", file->version);
    return Exit::ok;
}

} // namespace pbx::db
