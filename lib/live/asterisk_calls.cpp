// Each command is a run of "asterisk -rx"; several run at once, since most of their time is waiting.
#include "live/asterisk_calls.hpp"

#include "base/error.hpp"
#include "base/name.hpp"
#include "base/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pbx::live {

namespace {

constexpr unsigned commands_at_once = 4;

// The console takes an argument with a blank, a quote or a backslash apart.
const std::string& argument(const std::string& text) {
    const bool fits = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '\\';
    });
    if (!fits)
        throw Error{Exit::temporary, fmt::format("\"{}\" cannot be named on Asterisk's console", shown(text))};
    return text;
}

bool contains(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

} // namespace

std::string AsteriskCalls::ask(const std::string& command) const {
    return deploy::ask_console(console_, command, deadline_,
                               "is Asterisk running, and may this user talk to it? See --asterisk-dir and --asterisk");
}

std::vector<Channel> AsteriskCalls::channels(const std::string& begin) const {
    auto listed = channels_in(ask("core show channels concise"));
    std::erase_if(listed, [&](const ListedChannel& channel) { return !channel.name.starts_with(begin); });
    std::vector<std::optional<ChannelIds>> ids(listed.size());
    parallel_for(listed.size(), commands_at_once, [&](std::size_t i) {
        const auto known = known_.find(listed[i].name);
        ids[i] = known != known_.end() ? known->second : ids_in(ask("core show channel " + argument(listed[i].name)));
    });
    std::vector<Channel> channels;
    for (std::size_t i = 0; i < listed.size(); ++i) {
        if (!ids[i] || ids[i]->name != listed[i].name)
            continue; // it has ended, or its name was made up
        known_.emplace(ids[i]->name, *ids[i]);
        // A caller's name may have broken the line apart; then its last field is not the unique id.
        const bool whole = ids[i]->unique == listed[i].id;
        channels.push_back({ids[i]->name, key_of(ids[i]->unique), key_of(ids[i]->linked), ids[i]->linked,
                            whole ? listed[i].account : std::string{}});
    }
    return channels;
}

std::vector<Recorder> AsteriskCalls::recorders(const std::string& channel) const {
    return recorders_in(ask("mixmonitor list " + argument(channel)));
}

std::vector<GroupedChannel> AsteriskCalls::groups() const {
    return groups_in(ask("group show channels"));
}

void AsteriskCalls::stop_recorder(const std::string& channel, const Recorder& recorder) const {
    ask(fmt::format("mixmonitor stop {} {}", argument(channel), argument(recorder.id)));
}

void AsteriskCalls::continue_recorder(const std::string& channel, const std::string& file) const {
    ask(fmt::format("mixmonitor start {} {},a", argument(channel), argument(file)));
}

void AsteriskCalls::set_variable(const std::string& channel, const std::string& name, const std::string& value) const {
    ask(fmt::format("dialplan set chanvar {} {} {}", argument(channel), argument(name), argument(value)));
}

std::string AsteriskCalls::read(const std::string& family, const std::string& key) const {
    constexpr std::string_view begin = "Value: ";
    const auto answer = ask(fmt::format("database get {} {}", family, key));
    const auto at = answer.find(begin);
    if (at == std::string::npos)
        return {};
    const auto value = answer.substr(at + begin.size());
    return value.substr(0, value.find_first_of("\r\n"));
}

std::map<std::string, std::string> AsteriskCalls::read_all(const std::string& family, const std::string& key) const {
    return entries_in(ask(fmt::format("database show {} {}", family, key)));
}

void AsteriskCalls::write(const std::string& family, const std::string& key, const std::string& value) const {
    if (!contains(ask(fmt::format("database put {} {} {}", family, key, argument(value))), "Updated database"))
        throw Error{Exit::temporary, fmt::format("Asterisk does not store {}/{} in its database", family, key),
                    "is its disk full? See the log of Asterisk"};
}

void AsteriskCalls::remove(const std::string& family, const std::string& key) const {
    ask(fmt::format("database del {} {}", family, key));
}

bool AsteriskCalls::has_extension(const std::string& context, const std::string& extension) const {
    return contains(ask(fmt::format("dialplan show {}@{}", extension, context)), "' =>");
}

bool AsteriskCalls::has_function(const std::string& name) const {
    return !contains(ask("core show function " + name), "No function by that name");
}

void AsteriskCalls::originate(const std::string& context, const std::string& extension) const {
    ask(fmt::format("channel originate Local/{0}@{1}/n extension {0}@{1}", extension, context));
}

} // namespace pbx::live
