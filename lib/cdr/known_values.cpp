// One query, since a person waits for it after each key.
#include "cdr/known_values.hpp"

#include "base/output.hpp"
#include "base/printable.hpp"
#include "db/session.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace pbx::cdr {

namespace {

constexpr std::array<std::pair<std::string_view, const char*>, 5> queries{
    {{"organizations", "select name from organizations where status <> 'deleted' union "
                       "select context_prefix from organizations where status <> 'deleted' order by 1 limit 1000"},
     {"accounts", "select cast(id as text) from organizations order by 1 limit 1000"},
     {"numbers", "select number from did_numbers union select number from queues union select extension from users "
                 "order by 1 limit 1000"},
     {"extensions", "select distinct extension from users order by 1 limit 1000"},
     {"calls", "select linkedid from asterisk_cdr where linkedid <> '' and calldate >= date_trunc('day', now()) "
               "group by linkedid order by max(calldate) desc limit 200"}}};

} // namespace

void print_known_values(const std::string& database, const std::string& kind) {
    const auto* found =
        std::find_if(queries.begin(), queries.end(), [&](const auto& each) { return each.first == kind; });
    if (found == queries.end())
        return;
    ::setenv("PGCONNECT_TIMEOUT", "2", 0); // libpq accepts nothing shorter
    soci::session session;
    db::connect(session, database, std::chrono::seconds{2});
    db::guarded("read names", [&] {
        std::string text;
        soci::statement statement = (session.prepare << found->second, soci::into(text));
        statement.execute();
        while (statement.fetch())
            if (!text.empty() && printable(text) == text)
                output::print("{}\n", text);
    });
}

} // namespace pbx::cdr
