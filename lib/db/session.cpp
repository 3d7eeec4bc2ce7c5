// Connects, and explains errors, around the quirks of SOCI 4.0.
#include "db/session.hpp"

#include "base/deadline.hpp"

#include <fmt/format.h>
#include <soci/postgresql/soci-postgresql.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string_view>

namespace pbx::db {

namespace {

constexpr const char* connect_hint =
    "check that PostgreSQL is running, and try psql with the same --database or PG* variables";

// libpq's message on one line, without the prefix that SOCI adds.
std::string one_line(std::string_view text) {
    for (const std::string_view prefix : {"Cannot establish connection to the database.", "Cannot execute query.",
                                          "Fatal error.", "Non-fatal error.", "\n", " "})
        if (text.substr(0, prefix.size()) == prefix)
            return one_line(text.substr(prefix.size()));
    std::string result;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!blank)
            result += c;
        else if (!result.empty() && result.back() != ' ')
            result += ' ';
    }
    if (!result.empty() && result.back() == ' ')
        result.pop_back();
    return result;
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
                        one_line(message ? message.get() : "out of memory"),
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

} // namespace

void connect(soci::session& session, const std::string& conninfo, std::chrono::seconds timeout) {
    const auto rest = to_environment(conninfo);
    // A server that accepts but never answers would block us forever. The operator's own setting wins.
    const auto patience = timeout.count() > 0 ? std::min<std::int64_t>(timeout.count(), 10) : 10;
    ::setenv("PGCONNECT_TIMEOUT", std::to_string(std::max<std::int64_t>(patience, 2)).c_str(), 0);
    ::setenv("PGAPPNAME", "pbx-recording-tools", 0);
    const WaitingFor waiting{"the database", Exit::unavailable};
    try {
        session.open(soci::postgresql, rest);
        PQsetNoticeProcessor(
            connection(session), [](void*, const char*) {}, nullptr);
        // Compiling our queries takes a second and does not speed them up: they are index look-ups.
        session << "set jit = off";
        // The DETAIL of a failed check is the whole row, passwords included.
        PQsetErrorVerbosity(connection(session), PQERRORS_TERSE);
        if (timeout.count() > 0)
            session << fmt::format("set statement_timeout = {}", statement_timeout(timeout).count());
    } catch (const soci::soci_error& error) {
        throw Error{Exit::unavailable, "cannot connect to the database: " + one_line(error.what()), connect_hint};
    }
}

PGconn* connection(soci::session& session) {
    // static_cast: SOCI's library does not export the type information of its backends.
    return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

Error sql_error(const std::string& doing, const std::string& sqlstate, const std::string& message) {
    const auto what = "cannot " + doing + ": " + one_line(message);
    const auto in_class = [&](std::string_view prefix) { return sqlstate.compare(0, prefix.size(), prefix) == 0; };
    if (sqlstate.empty() || in_class("08") || in_class("57P") || in_class("53") || in_class("58"))
        return {Exit::unavailable, what, "the next run continues where this one stopped"};
    if (sqlstate == "42501")
        return {Exit::no_permission, what, "grant the database user that right"};
    if (sqlstate == "42P01" || sqlstate == "42703" || sqlstate == "3F000")
        return {Exit::config, what, "the schema is missing or old: run pbx-migrate up"};
    if (sqlstate == "25006")
        return {
            Exit::unavailable, what,
            "it is a standby, or set to read only (default_transaction_read_only): name the primary with --database"};
    if (in_class("23"))
        return {Exit::data, what, "it conflicts with another row, perhaps one that was added just now"};
    if (in_class("57014") || in_class("55P03") || in_class("40"))
        return {Exit::temporary, what, "the server was busy; try again"};
    return {Exit::software, what};
}

void rethrow(const std::string& doing, const soci::soci_error& error) {
    if (const auto* own = dynamic_cast<const soci::postgresql_soci_error*>(&error)) {
        // what() would show parameter values; get_error_message() has only the server's message.
        const auto state = own->sqlstate();
        throw sql_error(doing, state == "     " || state[0] == '\0' ? std::string{} : state, own->get_error_message());
    }
    throw Error{Exit::software, "cannot " + doing + ": " + error.get_error_message()};
}

} // namespace pbx::db
