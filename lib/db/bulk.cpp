// A result is read block by block, so that a million rows need no memory here.
#include "db/bulk.hpp"

#include "base/deadline.hpp"
#include "base/name.hpp"
#include "db/session.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace pbx::db {

std::string BulkRow::text(int column) const {
    return {PQgetvalue(result_, row_, column), static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

std::int64_t BulkRow::number(int column) const {
    return std::strtoll(PQgetvalue(result_, row_, column), nullptr, 10);
}

std::optional<std::uint64_t> BulkRow::size(int column) const {
    if (is_null(column))
        return std::nullopt;
    return static_cast<std::uint64_t>(number(column));
}

std::optional<double> BulkRow::real(int column) const {
    if (is_null(column))
        return std::nullopt;
    return std::strtod(PQgetvalue(result_, row_, column), nullptr);
}

void BulkSession::fail(const PGresult* result) {
    const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
    throw sql_error(action_, state != nullptr ? state : "", PQerrorMessage(connection(session_)));
}

BulkResult BulkSession::execute(const std::string& sql) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    BulkResult answer{PQexec(connection(session_), sql.c_str())};
    const auto status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN)
        fail(answer.get());
    return answer;
}

std::string BulkSession::literal(const std::string& text) {
    const std::unique_ptr<char, decltype(&PQfreemem)> quoted{
        PQescapeLiteral(connection(session_), text.data(), text.size()), &PQfreemem};
    if (!quoted)
        throw Error{Exit::usage, "\"" + shown(text) + "\" is not valid UTF-8"};
    return quoted.get();
}

void BulkSession::for_each_row(const std::string& query, const std::function<void(const BulkRow&)>& each,
                               const std::function<void()>& after_block) {
    execute("begin");
    execute("declare pbx_bulk no scroll cursor for " + query);
    for (;;) {
        const auto answer = execute(fmt::format("fetch forward {} from pbx_bulk", block));
        const int rows = PQntuples(answer.get());
        for (int row = 0; row < rows; ++row)
            each({answer.get(), row});
        if (after_block && rows > 0)
            after_block();
        if (rows < block)
            break;
    }
    execute("commit");
}

void BulkSession::copy(const std::string& table, const std::function<void(const AddLine&)>& fill) {
    execute(fmt::format("copy {} from stdin", table));
    auto* to = connection(session_);
    std::string pending;
    const auto send = [&] {
        if (!pending.empty() && PQputCopyData(to, pending.data(), static_cast<int>(pending.size())) != 1)
            fail(nullptr);
        pending.clear();
    };
    fill([&](const std::string& line) {
        constexpr std::size_t enough = 65536;
        pending += line;
        if (pending.size() > enough)
            send();
    });
    send();
    if (PQputCopyEnd(to, nullptr) != 1)
        fail(nullptr);
    while (const BulkResult answer{PQgetResult(to)})
        if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK)
            fail(answer.get());
}

std::string copy_escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\')
            result += "\\\\";
        else if (c == '\n')
            result += "\\n";
        else if (c == '\r')
            result += "\\r";
        else if (c == '\t')
            result += "\\t";
        else
            result += c;
    }
    return result;
}

} // namespace pbx::db
