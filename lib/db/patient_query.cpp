// Sends each query asynchronously, and polls for the answer.
#include "db/patient_query.hpp"

#include "db/session.hpp"

#include <poll.h>

#include <cerrno>
#include <optional>
#include <utility>

namespace pbx::db {

namespace {

bool send(PGconn* connection, const std::string& sql, const std::vector<std::string>& parameters) {
    if (parameters.empty())
        return PQsendQuery(connection, sql.c_str()) != 0;
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters)
        values.push_back(parameter.c_str());
    return PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                             nullptr, 0) != 0;
}

void wait_for_result(PGconn* connection, const std::string& doing, const Deadline& deadline) {
    while (PQisBusy(connection) != 0) {
        pollfd socket{PQsocket(connection), POLLIN, 0};
        const auto ready = ::poll(&socket, 1, static_cast<int>(deadline.left().count()));
        if (ready == 0)
            throw sql_error(doing, {}, "the server does not answer");
        if ((ready < 0 && errno != EINTR) || (ready > 0 && PQconsumeInput(connection) == 0))
            throw sql_error(doing, {}, PQerrorMessage(connection));
    }
}

} // namespace

QueryResult ask_patiently(PGconn* connection, const std::string& doing, const std::string& sql,
                          const std::vector<std::string>& parameters, const Deadline& deadline) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    if (!send(connection, sql, parameters))
        throw sql_error(doing, {}, PQerrorMessage(connection));
    QueryResult last{nullptr, &PQclear};
    std::optional<Error> fault;
    for (;;) {
        wait_for_result(connection, doing, deadline);
        QueryResult result{PQgetResult(connection), &PQclear};
        if (!result)
            break;
        const auto status = PQresultStatus(result.get());
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            last = std::move(result);
        } else {
            const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
            fault = sql_error(doing, state != nullptr ? state : "", PQresultErrorMessage(result.get()));
        }
    }
    if (fault)
        throw Error{*fault};
    if (!last)
        throw sql_error(doing, {}, PQerrorMessage(connection));
    return last;
}

} // namespace pbx::db
