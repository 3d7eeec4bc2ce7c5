// One look-up in an index per name, and one per row that names it.
#include "cdr/needed_legs.hpp"

#include "base/deadline.hpp"
#include "base/name.hpp"
#include "db/leg_naming.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pbx::cdr {

namespace {

// A row that names another folder keeps a leg of the same name here longer than necessary, which does no harm.
constexpr const char* needed_of = R"(
    select distinct named.value
    from json_array_elements_text(cast(:names as json)) named
    join asterisk_cdr c on {base_name} = named.value
    where exists (
        select from asterisk_cdr r
        where r.linkedid = c.linkedid and r.calldate >= now() - cast(:window as double precision) * interval '1 second'
    ))";

} // namespace

std::set<std::string> find_needed_legs(soci::session& session, const std::vector<std::string>& names,
                                       std::chrono::seconds window) {
    auto asked = nlohmann::json::array();
    for (const auto& name : names)
        if (is_utf8(name)) // the database holds only text
            asked.push_back(name);
    const auto text = asked.dump();
    const auto seconds = std::to_string(window.count());
    std::vector<std::string> found(names.size() + 1);
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded("read which legs are needed", [&] {
        session << fmt::format(needed_of, fmt::arg("base_name", db::LegNaming::base_name("c.recordingfile"))),
            soci::use(text, "names"), soci::use(seconds, "window"), soci::into(found);
    });
    return {found.begin(), found.end()};
}

} // namespace pbx::cdr
