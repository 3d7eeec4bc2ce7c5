// Written past stdio, whose buffer would lose the reason of a failed write.
#include "recording/stitch_report.hpp"

#include "base/fd.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace pbx::recording {

StitchReport::StitchReport(bool json) : json_{json} {
    write("{\"calls\":[");
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
    write(is_first_ ? "\n" : ",\n");
    write(entry.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    is_first_ = false;
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
    flush();
    return failure_;
}

void StitchReport::write(std::string_view text) {
    constexpr std::size_t enough = 1U << 16U;
    if (!json_ || is_closed_)
        return;
    pending_ += text;
    if (pending_.size() >= enough)
        flush();
}

void StitchReport::flush() {
    if (is_closed_)
        return;
    try {
        write_all(STDOUT_FILENO, pending_, "the report to stdout");
    } catch (const ReaderGone&) {
        is_closed_ = true;
    } catch (const Error& error) {
        is_closed_ = true;
        failure_ = error;
    }
    pending_.clear();
}

} // namespace pbx::recording
