// Written call by call, since the report of a large batch does not fit into memory.
#include "recording/stitch_report.hpp"

#include "base/output.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <version.hpp>

#include <utility>

namespace pbx::recording {

StitchReport::StitchReport(bool json) : json_{json} {
    write(fmt::format("{{\"schema\":1,\"version\":\"{}\",\n\"halves\":[", version));
}

void StitchReport::write_entry(const nlohmann::json& entry) {
    write(is_first_ ? "\n" : ",\n");
    write(entry.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    is_first_ = false;
}

void StitchReport::add_halves(const std::string& leg, const std::string& action,
                              const std::vector<std::string>& remarks, std::optional<double> seconds) {
    nlohmann::json entry{{"leg", leg}, {"action", action}, {"remarks", remarks}};
    if (seconds)
        entry["seconds"] = *seconds;
    const std::lock_guard lock{guard_};
    write_entry(entry);
}

void StitchReport::begin_calls() {
    const std::lock_guard lock{guard_};
    write("],\n\"calls\":[");
    is_first_ = true;
}

void StitchReport::add(const cdr::Call& call, const std::string& action, const std::string& reason,
                       const BuildResult* built) {
    nlohmann::json entry{{"linkedid", call.linkedid},
                         {"accountcode", call.accountcode},
                         {"action", action},
                         {"reason", reason},
                         {"legs", call.legs}};
    if (built != nullptr) {
        entry["seconds"] = built->length.count();
        entry["empty"] = built->manifest.empty;
        entry["missing"] = built->manifest.missing;
        entry["unreadable"] = built->manifest.unreadable;
    }
    const std::lock_guard lock{guard_};
    ++counts_[action];
    write_entry(entry);
}

void StitchReport::add_up_to_date() {
    const std::lock_guard lock{guard_};
    ++up_to_date_;
}

std::optional<Error> StitchReport::finish(Exit status) {
    const std::lock_guard lock{guard_};
    write(fmt::format("],\n\"up_to_date\":{}", up_to_date_));
    for (const char* action : {"stitched", "would-stitch", "left", "failed", "elsewhere"})
        write(fmt::format(",\"{}\":{}", action, counts_[action]));
    write(fmt::format(",\"exit\":{}}}\n", static_cast<int>(status)));
    try {
        output::flush();
    } catch (const Error& failure) {
        return failure;
    }
    return std::nullopt;
}

std::uint64_t StitchReport::count(const std::string& action) const {
    const std::lock_guard lock{guard_};
    const auto found = counts_.find(action);
    return found == counts_.end() ? 0 : found->second;
}

std::string StitchReport::sentence() const {
    const std::lock_guard lock{guard_};
    std::string text;
    const auto add = [&](std::uint64_t calls, std::string_view what) {
        if (calls > 0)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", calls, what);
    };
    for (const auto& [action, what] :
         {std::pair{"stitched", "stitched"}, std::pair{"would-stitch", "would be stitched"},
          std::pair{"left", "left for the next run"}, std::pair{"failed", "failed"},
          std::pair{"elsewhere", "of other nodes"}})
        if (const auto found = counts_.find(action); found != counts_.end())
            add(found->second, what);
    add(up_to_date_, "up to date");
    return "calls: " + (text.empty() ? "none to stitch" : text);
}

void StitchReport::write(std::string_view text) const {
    if (json_)
        output::write(text);
}

} // namespace pbx::recording
