// What the errors of PostgreSQL and libpq mean for a tool, and how they read.
#include "catch.hpp"
#include "db/session.hpp"

#include <string>
#include <utility>
#include <vector>

using pbx::Exit;
using pbx::db::sql_error;

TEST_CASE("whatever the server refuses is its reason, and only a statement that it cannot parse is a bug") {
    const std::vector<std::pair<std::string, Exit>> expected{
        {"", Exit::unavailable},      {"08006", Exit::unavailable}, {"25006", Exit::unavailable},
        {"25P03", Exit::unavailable}, {"53100", Exit::unavailable}, {"57P01", Exit::unavailable},
        {"58030", Exit::unavailable}, {"72000", Exit::unavailable}, {"F0000", Exit::unavailable},
        {"HV000", Exit::unavailable}, {"XX000", Exit::unavailable}, {"XX001", Exit::unavailable},
        {"22021", Exit::data},        {"22P02", Exit::data},        {"23505", Exit::data},
        {"54001", Exit::data},        {"P0001", Exit::data},        {"42501", Exit::no_permission},
        {"42P01", Exit::config},      {"42703", Exit::config},      {"42883", Exit::config},
        {"42804", Exit::config},      {"3F000", Exit::config},      {"0A000", Exit::config},
        {"26000", Exit::config},      {"21000", Exit::config},      {"55000", Exit::config},
        {"40001", Exit::temporary},   {"55006", Exit::temporary},   {"55P03", Exit::temporary},
        {"57014", Exit::temporary},   {"42601", Exit::software},
    };
    for (const auto& [state, status] : expected) {
        INFO(state);
        const auto error = sql_error("read", state, "ERROR:  x");
        CHECK(error.status() == status);
        CHECK(error.hint().empty() == (status == Exit::software));
    }
}

TEST_CASE("a message of libpq in several lines reads as one sentence") {
    const auto shown = [](const std::string& message) { return std::string{sql_error("read", {}, message).what()}; };
    CHECK(shown("ERROR:  x\n") == "cannot read: ERROR: x");
    CHECK(shown("Cannot prepare statement. Fatal error. ERROR:  x\n") == "cannot read: ERROR: x");
    CHECK(shown("connection to server on socket \"/x\" failed: No such file or directory\n"
                "\tIs the server running locally and accepting connections on that socket?\n") ==
          "cannot read: connection to server on socket \"/x\" failed: No such file or directory (Is the server running "
          "locally and accepting connections on that socket?)");
    CHECK(
        shown("server closed the connection unexpectedly\n"
              "\tThis probably means the server terminated abnormally\n"
              "\tbefore or while processing the request.\n") ==
        "cannot read: server closed the connection unexpectedly (This probably means the server terminated abnormally "
        "before or while processing the request)");
    CHECK(shown("host a failed: refused\n\tIs it running?\nhost b failed: refused\n\tIs it running?\n") ==
          "cannot read: host a failed: refused (Is it running?); host b failed: refused (Is it running?)");
    CHECK(shown("Null value fetched and no indicator defined.") ==
          "cannot read: Null value fetched and no indicator defined");
    CHECK(shown("FATAL:  terminating connection\n\nconnection not open\n") ==
          "cannot read: FATAL: terminating connection; connection not open");
}
