// The first line is what monitoring systems show. It has no text from outside, where a "|" would begin their numbers.
#include "check/report.hpp"

#include "base/moment.hpp"
#include "base/output.hpp"
#include "base/pager.hpp"
#include "base/terminal.hpp"
#include "base/wrap.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <version.hpp>

#include <algorithm>
#include <array>

namespace pbx::check {

namespace {

using Json = nlohmann::ordered_json;

std::size_t count(const Report& report, State state) {
    std::size_t number = 0;
    for (const auto& each : report)
        number += static_cast<std::size_t>(std::count_if(each.findings.all().begin(), each.findings.all().end(),
                                                         [&](const Finding& found) { return found.state == state; }));
    return number;
}

std::string names_of_areas(const Report& report, State state) {
    std::vector<std::string> names;
    for (const auto& each : report)
        if (std::any_of(each.findings.all().begin(), each.findings.all().end(),
                        [&](const Finding& found) { return found.state == state; }))
            names.push_back(each.area);
    return fmt::format("{}", fmt::join(names, ", "));
}

std::string summary(const Report& report) {
    constexpr std::array words{"OK", "WARNING", "FAILURE"};
    std::vector<std::string> parts;
    for (const auto state : {State::failure, State::warning})
        if (const auto number = count(report, state); number > 0)
            parts.push_back(fmt::format("{} ({})", counted(number, name_of(state)), names_of_areas(report, state)));
    parts.push_back(fmt::format("{} ok", count(report, State::ok)));
    return fmt::format("{}: {}", words.at(static_cast<std::size_t>(worst(report))), fmt::join(parts, ", "));
}

Colour colour_of(State state) {
    return state == State::ok ? Colour::green : state == State::warning ? Colour::yellow : Colour::red;
}

void print_line(const std::string& area, const Finding& finding, bool on_terminal) {
    if (!on_terminal) {
        output::print("{}\t{}\t{}\t{}\n", name_of(finding.state), area, finding.what, finding.hint);
        return;
    }
    constexpr std::size_t beside_area = 24;
    constexpr std::size_t below_area = 9; // a command has more room there
    const auto state = fmt::format("{:<8}", name_of(finding.state));
    output::print("{} {:<14} {}\n", coloured(state, colour_of(finding.state)), area,
                  wrapped(finding.what, beside_area, stdout_width()));
    if (!finding.hint.empty())
        output::print("{:{}}{}\n", "", below_area, wrapped(finding.hint, below_area, stdout_width()));
}

void print_json(const Report& report) {
    Json document{{"schema", 1},
                  {"version", version},
                  {"made", iso_time(current_second())},
                  {"state", name_of(worst(report))},
                  {"failures", count(report, State::failure)},
                  {"warnings", count(report, State::warning)},
                  {"ok", count(report, State::ok)},
                  {"findings", Json::array()}};
    for (const auto& each : report)
        for (const auto& finding : each.findings.all())
            document["findings"].push_back({{"area", each.area},
                                            {"state", name_of(finding.state)},
                                            {"what", finding.what},
                                            {"hint", finding.hint}});
    output::print("{}\n", document.dump(2, ' ', true, Json::error_handler_t::replace));
}

} // namespace

State worst(const Report& report) {
    auto worst = State::ok;
    for (const auto& each : report)
        worst = std::max(worst, each.findings.worst());
    return worst;
}

void print(const Report& report, Form form) {
    if (form == Form::json) {
        print_json(report);
    } else {
        const bool on_terminal = stdout_is_terminal();
        if (form == Form::lines)
            output::print("{}\n", on_terminal ? wrapped(summary(report), 0, stdout_width()) : summary(report));
        pager::begin();
        for (const auto& each : report)
            for (const auto& finding : each.findings.all())
                if (form == Form::lines || finding.state != State::ok)
                    print_line(each.area, finding, on_terminal);
    }
    output::flush();
}

} // namespace pbx::check
