// Connects, and explains errors, around the quirks of SOCI 4.0.
#include "db/session.hpp"

#include "base/deadline.hpp"
#include "base/identity.hpp"
#include "base/lines.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <soci/postgresql/soci-postgresql.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>

namespace pbx::db {

namespace {

constexpr const char* connect_hint =
    "check that PostgreSQL is running, and try psql with the same --database or PG* variables";

constexpr const char* goes_on = "the next run continues where this one stopped";
constexpr const char* busy = "the server was busy; try again";
constexpr const char* other_schema = "the schema is missing, old or changed: run pbx-migrate up";
constexpr const char* pooled = "give --database the server, or a connection pooler in session mode";
constexpr const char* server_log = "the server's log shows more";

/// What the server says when it refuses a connection; libpq gives no SQLSTATE then. A server that speaks another
/// language is only unavailable.
struct Refusal {
    std::string_view words;
    Exit status;
    const char* hint;
};

constexpr const char* login_hint =
    "check user and password in --database, PG* variables or ~/.pgpass, and that the user "
    "who runs the tool may log in as that database user: pg_hba.conf";

constexpr std::array refusals{
    Refusal{"authentication failed", Exit::no_permission, login_hint},
    Refusal{"no password supplied", Exit::no_permission, login_hint},
    Refusal{"no pg_hba.conf entry", Exit::no_permission, login_hint},
    Refusal{"pg_hba.conf rejects", Exit::no_permission, login_hint},
    Refusal{"is not permitted to log in", Exit::no_permission, login_hint},
    Refusal{"permission denied for database", Exit::no_permission, "grant the database user the right to connect"},
    Refusal{"FATAL:  role \"", Exit::no_permission, login_hint},
    Refusal{"FATAL:  database \"", Exit::unavailable,
            "correct the name of the database in --database or PGDATABASE, or create it with createdb"},
};

/// What an SQLSTATE, or the class that it begins with, means for the tool.
struct Meaning {
    std::string_view state;
    Exit status;
    const char* hint;
};

// The first that fits. Only a statement that the server cannot parse is a bug here: whatever else it refuses, it
// refuses for a reason of its own.
constexpr std::array meanings{
    Meaning{"08", Exit::unavailable, goes_on},
    Meaning{"22", Exit::data, "a value does not fit its column, or is not text in the database's encoding"},
    Meaning{"23", Exit::data, "it conflicts with another row, perhaps one that was added just now"},
    Meaning{"25006", Exit::unavailable,
            "it is a standby, or set to read only (default_transaction_read_only): name the primary with --database"},
    Meaning{"25P03", Exit::unavailable, "increase idle_in_transaction_session_timeout for this database user"},
    Meaning{"25P04", Exit::unavailable, "increase transaction_timeout for this database user"},
    Meaning{"26", Exit::config, pooled},
    Meaning{"34", Exit::config, pooled},
    Meaning{"40001", Exit::temporary, "something else has just changed it; look at it and try again"},
    Meaning{"40", Exit::temporary, busy},
    Meaning{"42501", Exit::no_permission, "grant the database user that right"},
    Meaning{"42601", Exit::software, ""},
    Meaning{"42", Exit::config, other_schema},
    Meaning{"3F000", Exit::config, other_schema},
    Meaning{"53", Exit::unavailable, goes_on},
    Meaning{"54", Exit::data, "a value or a row is larger than the server can process"},
    Meaning{"55006", Exit::temporary, busy},
    Meaning{"55P03", Exit::temporary, busy},
    Meaning{"57014", Exit::temporary, busy},
    Meaning{"57", Exit::unavailable, goes_on},
    Meaning{"58", Exit::unavailable, goes_on},
    Meaning{"72", Exit::unavailable, goes_on},
    Meaning{"F0", Exit::unavailable, server_log},
    Meaning{"HV", Exit::unavailable, server_log},
    Meaning{"P0", Exit::data, "a trigger or a function of the database refuses it"},
    Meaning{"XX", Exit::unavailable, server_log},
};

// The message without what SOCI writes before it.
std::string_view without_prefix(std::string_view text) {
    for (const std::string_view prefix :
         {"Cannot establish connection to the database.", "Cannot execute query.", "Cannot prepare statement.",
          "Connection failed.", "Fatal error.", "Non-fatal error.", "\n", " "})
        if (text.starts_with(prefix))
            return without_prefix(text.substr(prefix.size()));
    return text;
}

std::string with_single_blanks(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\t' || c == '\r';
        if (!blank)
            result += c;
        else if (!result.empty() && result.back() != ' ')
            result += ' ';
    }
    if (!result.empty() && result.back() == ' ')
        result.pop_back();
    return result;
}

// libpq indents the lines that explain the one before: they go into parentheses. Any other line is a message of its
// own, for example about the next of several hosts.
std::string one_line(std::string_view message) {
    std::string result;
    bool in_parentheses = false;
    for (const auto line : Lines{without_prefix(message)}) {
        auto text = with_single_blanks(line);
        if (text.empty())
            continue;
        if (text.back() == '.')
            text.pop_back();
        const bool explains = line.front() == '\t' && !result.empty();
        if (in_parentheses && !explains)
            result += ')';
        if (!result.empty())
            result += !explains ? "; " : in_parentheses ? " " : " (";
        in_parentheses = explains;
        result += text;
    }
    return in_parentheses ? result + ')' : result;
}

Error connect_error(const std::string& message) {
    const auto what = "cannot connect to the database: " + one_line(message);
    const auto* known = std::find_if(refusals.begin(), refusals.end(), [&](const Refusal& each) {
        return message.find(each.words) != std::string::npos;
    });
    return known == refusals.end() ? Error{Exit::unavailable, what, connect_hint}
                                   : Error{known->status, what, known->hint};
}

// libpq quotes what it cannot parse, which may be a part of the password: missing "=" after "s3cret" in ...
std::string without_quotation(std::string message) {
    constexpr std::string_view harmless = "missing \"=\"";
    const auto first = message.find('"', message.starts_with(harmless) ? harmless.size() : 0);
    const auto last = message.rfind('"');
    if (first != std::string::npos && last > first)
        message.replace(first + 1, last - first - 1, "...");
    return message;
}

// Puts every parameter of `conninfo` into its environment variable. Returns those that have none as plain key=value,
// which SOCI passes on unchanged.
std::string to_environment(const std::string& conninfo) {
    char* fault = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{
        PQconninfoParse(conninfo.c_str(), &fault), &PQconninfoFree};
    const std::unique_ptr<char, decltype(&PQfreemem)> message{fault, &PQfreemem};
    if (!options)
        throw Error{Exit::config,
                    "cannot parse the database connection string: " +
                        without_quotation(one_line(message ? message.get() : "out of memory")),
                    "it is a libpq string such as \"host=/run/postgresql dbname=pbx\", or postgresql://user@host/pbx"};
    std::string rest;
    for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val == nullptr)
            continue;
        if (option->envvar != nullptr) {
            ::setenv(option->envvar, option->val, 1);
            continue;
        }
        const std::string_view value{option->val};
        if (value.find_first_of(" \t\n'\\") != std::string_view::npos)
            throw Error{Exit::config,
                        fmt::format("the connection parameter {} has a blank, quote or backslash", option->keyword)};
        rest += fmt::format("{}={} ", option->keyword, value);
    }
    return rest;
}

// The server stores it as a signed 32-bit number of milliseconds (GUC_UNIT_MS), which is 24.8 days.
std::chrono::milliseconds statement_timeout(std::chrono::seconds timeout) {
    constexpr std::chrono::seconds most{std::numeric_limits<std::int32_t>::max() / 1000};
    return std::min(timeout, most);
}

// Peer authentication wants the account that has the name of the database user. For root on a Unix socket: that
// account, if there is one. The parameters are in the environment by now.
std::optional<uid_t> account_of_database_user() {
    const char* host = std::getenv("PGHOST");
    const char* user = std::getenv("PGUSER");
    const bool is_remote = host != nullptr && *host != '\0' && *host != '/' && *host != '@';
    if (::geteuid() != 0 || user == nullptr || is_remote)
        return std::nullopt;
    const auto* account = ::getpwnam(user);
    return account != nullptr && account->pw_uid != 0 ? std::optional{account->pw_uid} : std::nullopt;
}

void open(soci::session& session, const std::string& parameters) {
    try {
        session.open(soci::postgresql, parameters);
    } catch (const soci::soci_error&) {
        const auto account = account_of_database_user();
        if (!account)
            throw;
        const ConnectsAs other{*account};
        session.open(soci::postgresql, parameters);
    }
}

} // namespace

void connect(soci::session& session, const std::string& conninfo, std::chrono::seconds timeout) {
    const auto rest = to_environment(conninfo);
    // A server that accepts but never answers would block us forever. The operator's own setting wins.
    const auto patience = timeout.count() > 0 ? std::min<std::int64_t>(timeout.count(), 10) : 10;
    ::setenv("PGCONNECT_TIMEOUT", std::to_string(std::max<std::int64_t>(patience, 2)).c_str(), 0);
    ::setenv("PGAPPNAME", "pbx-recording-tools", 0);
    const WaitingFor waiting{"the database", Exit::unavailable};
    try {
        open(session, rest);
        PQsetNoticeProcessor(
            connection(session), [](void*, const char*) {}, nullptr);
        // Compiling our queries takes a second and does not speed them up: they are index look-ups.
        session << "set jit = off";
        // The DETAIL of a failed check is the whole row, passwords included.
        PQsetErrorVerbosity(connection(session), PQERRORS_TERSE);
        if (timeout.count() > 0)
            session << fmt::format("set statement_timeout = {}", statement_timeout(timeout).count());
    } catch (const soci::soci_error& error) {
        throw connect_error(error.what());
    }
}

PGconn* connection(soci::session& session) {
    // static_cast: SOCI's library does not export the type information of its backends.
    return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

Error sql_error(const std::string& doing, const std::string& sqlstate, const std::string& message) {
    const auto what = "cannot " + doing + ": " + one_line(message);
    // libpq gives no state when the connection was lost.
    if (sqlstate.empty())
        return {Exit::unavailable, what, goes_on};
    const auto* known = std::find_if(meanings.begin(), meanings.end(),
                                     [&](const Meaning& each) { return sqlstate.starts_with(each.state); });
    if (known != meanings.end())
        return {known->status, what, known->hint};
    return {Exit::config, what,
            fmt::format("PostgreSQL's error code is {}: look for a trigger, rule or view that pbx-migrate did not make",
                        sqlstate)};
}

void rethrow(const std::string& doing, const soci::soci_error& error) {
    if (const auto* own = dynamic_cast<const soci::postgresql_soci_error*>(&error)) {
        // what() would show parameter values; get_error_message() has only the server's message.
        const auto state = own->sqlstate();
        throw sql_error(doing, state == "     " || state[0] == '\0' ? std::string{} : state, own->get_error_message());
    }
    // SOCI itself refuses a NULL or a number that the schema rules out.
    throw Error{Exit::config, "cannot " + doing + ": " + one_line(error.get_error_message()), other_schema};
}

} // namespace pbx::db
