#include "live/recorded_call.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string_view>

namespace pbx::live {

namespace {

using Calls = std::set<std::string>;

// Phones in a paused call may consult somebody, and then join both calls.
Calls with_consultations(const AsteriskCalls& asterisk, const std::string& call, const std::vector<Channel>& all) {
    const auto groups = asterisk.groups();
    std::set<std::string_view> members;
    std::set<std::string_view> calling_phones;
    for (const auto& channel : groups) {
        if (channel.category == "pbx-pause" && channel.group == call)
            members.insert(channel.name);
        if (channel.category == "pbx-phone")
            calling_phones.insert(channel.name);
    }
    std::set<std::string_view> devices;
    for (const auto& channel : all)
        if (channel.call == call && !endpoint_in(channel.name).empty())
            devices.insert(endpoint_in(channel.name));
    Calls calls{call};
    for (const auto& channel : all)
        if (members.contains(channel.name) ||
            (calling_phones.contains(channel.name) && devices.contains(endpoint_in(channel.name))))
            calls.insert(channel.call);
    return calls;
}

// A consultation that is transferred before Asterisk has bridged it keeps its own linkedid. In a bridge of more than
// two, for example a conference, each channel's call stays a call of its own.
Calls with_bridged(Calls calls, const std::vector<Channel>& all) {
    std::map<std::string_view, std::vector<const Channel*>> bridges;
    for (const auto& channel : all)
        if (!channel.bridge.empty())
            bridges[channel.bridge].push_back(&channel);
    for (auto before = 0UL; before != calls.size();) {
        before = calls.size();
        for (const auto& [bridge, pair] : bridges)
            if (pair.size() == 2 && (calls.contains(pair[0]->call) || calls.contains(pair[1]->call)))
                calls.insert({pair[0]->call, pair[1]->call});
    }
    return calls;
}

} // namespace

RecordedCall::RecordedCall(const AsteriskCalls& asterisk, const std::string& call, const std::vector<Channel>& all)
    : asterisk_{asterisk} {
    const auto calls = with_bridged(with_consultations(asterisk, call, all), all);
    std::copy_if(all.begin(), all.end(), std::back_inserter(channels_),
                 [&](const Channel& channel) { return calls.contains(channel.call); });
}

Recorders RecordedCall::find_recorders() const {
    Recorders found;
    for (const auto& channel : channels_)
        for (auto& recorder : asterisk_.recorders(channel.name))
            found.emplace_back(channel, std::move(recorder));
    return found;
}

} // namespace pbx::live
