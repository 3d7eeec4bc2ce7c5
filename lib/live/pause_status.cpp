#include "live/pause_status.hpp"

#include "base/moment.hpp"
#include "base/output.hpp"

#include <version.hpp>

namespace pbx::live {

namespace {

// The file, or the options that name two.
std::string shown_recorder(const std::string& arguments) {
    const auto comma = arguments.find(',');
    return comma == 0 ? arguments.substr(1) : arguments.substr(0, comma);
}

} // namespace

nlohmann::ordered_json json_of(const CallStatus& status) {
    constexpr int schema = 1; // docs/json.md
    nlohmann::ordered_json item{
        {"schema", schema}, {"version", version}, {"call", status.call}, {"state", status.state()}};
    if (status.pause) {
        item["since"] = status.pause->since.count();
        item["until"] = iso_time(status.pause->until);
    }
    item["recorders"] = nlohmann::ordered_json::array();
    for (const auto& [channel, recorder] : status.recorders) {
        nlohmann::ordered_json each{{"channel", channel.name}, {"file", recorder.file}};
        if (!recorder.received.empty())
            each["received"] = recorder.received;
        if (!recorder.transmitted.empty())
            each["transmitted"] = recorder.transmitted;
        item["recorders"].push_back(std::move(each));
    }
    for (const auto& [channel, arguments] : status.waiting)
        item["waiting"].push_back({{"channel", channel}, {"recorder", shown_recorder(arguments)}});
    return item;
}

void print_status(const CallStatus& status) {
    output::print("{}: {}", status.call, status.state());
    if (status.pause)
        output::print(" since second {}, until {}", status.pause->since.count(), shown_time(status.pause->until));
    output::print("\n");
    for (const auto& [channel, recorder] : status.recorders)
        for (const auto* file : {&recorder.file, &recorder.received, &recorder.transmitted})
            if (!file->empty())
                output::print("  {} on {}\n", *file, channel.name);
    for (const auto& [channel, arguments] : status.waiting)
        output::print("  {} waits on {}\n", shown_recorder(arguments), channel);
}

CallStatus status_of(const AsteriskCalls& asterisk, const std::string& call, const std::vector<Channel>& channels) {
    CallStatus status{call, read_pause(asterisk, call), RecordedCall{asterisk, call, channels}.find_recorders()};
    if (!status.pause)
        for (const auto& [key, held] : asterisk.read_all("pbx-held", call))
            if (const auto* channel = find_held(channels, call, key))
                status.waiting.emplace_back(channel->name, held);
    return status;
}

} // namespace pbx::live
