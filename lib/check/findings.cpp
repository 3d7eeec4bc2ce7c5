// Texts are made printable once, here, since names of files and messages of servers are parts of them.
#include "check/findings.hpp"

#include "base/printable.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace pbx::check {

const char* name_of(State state) {
    return state == State::ok ? "ok" : state == State::warning ? "warning" : "failure";
}

State Findings::worst() const {
    auto worst = State::ok;
    for (const auto& finding : findings_)
        worst = std::max(worst, finding.state);
    return worst;
}

std::string Findings::pack() const {
    nlohmann::json document{{"findings", nlohmann::json::array()}, {"gauges", nlohmann::json::array()}};
    for (const auto& finding : findings_)
        document["findings"].push_back(
            {static_cast<int>(finding.state), printable(finding.what), printable(finding.hint)});
    for (const auto& gauge : gauges_)
        document["gauges"].push_back({gauge.name, gauge.help, gauge.value, gauge.labels});
    return document.dump();
}

Findings Findings::unpack(const std::string& text) {
    try {
        Findings findings;
        const auto document = nlohmann::json::parse(text);
        for (const auto& each : document.at("findings"))
            findings.add({static_cast<State>(each.at(0).get<int>()), each.at(1), each.at(2)});
        for (const auto& each : document.at("gauges"))
            findings.measure({each.at(0), each.at(1), each.at(2), each.at(3)});
        return findings;
    } catch (const nlohmann::json::exception& exception) {
        throw Error{Exit::software, std::string{"unexpected: "} + exception.what(), "this is a bug, please report it"};
    }
}

std::string counted(std::size_t count, const std::string& noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

} // namespace pbx::check
