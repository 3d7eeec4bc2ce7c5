// All commands of a run go through one connection.
#include "live/asterisk_calls.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>

namespace pbx::live {

using namespace std::chrono_literals;

namespace {

// On the console a backslash must precede each blank, quote and backslash in an argument.
std::string argument(const std::string& text) {
    if (text.empty() || text.find('\0') != std::string::npos)
        throw Error{Exit::temporary, fmt::format("\"{}\" cannot be named on Asterisk's console", shown(text))};
    std::string escaped;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '"' || c == '\\')
            escaped += '\\';
        escaped += c;
    }
    return escaped;
}

// A recording with 16,000 samples per second has another extension, which only its file shows.
void complete_extension(std::string& file) {
    std::error_code ignored;
    if (const auto wide = file + "16"; !file.empty() && std::filesystem::exists(wide, ignored))
        file = wide;
}

bool contains(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

} // namespace

AsteriskCalls::AsteriskCalls(const deploy::Console& console, const Deadline& deadline)
    : session_{console, deadline,
               "is Asterisk running, and may this user talk to it? See --asterisk-dir and --asterisk"} {}

std::vector<Channel> AsteriskCalls::channels(const std::string& begin) const {
    std::vector<Channel> channels;
    for (const auto& listed : channels_in(session_.ask("core show channels concise"))) {
        if (!listed.name.starts_with(begin))
            continue;
        const auto ids = ids_in(session_.ask("core show channel " + argument(listed.name)));
        if (!ids || ids->name != listed.name)
            continue; // it has ended, or its name was made up
        // A caller's name may have broken the line apart; then its last field is not the unique id.
        const bool whole = ids->unique == listed.id;
        channels.push_back({ids->name, key_of(ids->unique), key_of(ids->linked), ids->linked,
                            whole ? listed.account : std::string{}, whole ? listed.bridge : std::string{}});
    }
    return channels;
}

std::vector<Recorder> AsteriskCalls::recorders(const std::string& channel) const {
    const auto patience = Deadline::after(2s);
    for (;;) {
        auto found = recorders_in(session_.ask("mixmonitor list " + argument(channel)));
        for (auto& recorder : found)
            for (auto* file : {&recorder.file, &recorder.received, &recorder.transmitted})
                complete_extension(*file);
        if (std::all_of(found.begin(), found.end(), [](const Recorder& each) { return each.has_files(); }))
            return found;
        if (patience.passed())
            throw Error{Exit::temporary,
                        fmt::format("Asterisk does not name the file of a recorder on {}", shown(channel)),
                        "see the log of Asterisk"};
        std::this_thread::sleep_for(10ms);
    }
}

std::vector<GroupedChannel> AsteriskCalls::groups() const {
    return groups_in(session_.ask("group show channels"));
}

void AsteriskCalls::stop_recorder(const std::string& channel, const Recorder& recorder) const {
    session_.ask(fmt::format("mixmonitor stop {} {}", argument(channel), argument(recorder.id)));
}

void AsteriskCalls::continue_recorder(const std::string& channel, const std::string& arguments) const {
    session_.ask(fmt::format("mixmonitor start {} {}a", argument(channel), argument(arguments)));
}

void AsteriskCalls::set_variable(const std::string& channel, const std::string& name, const std::string& value) const {
    session_.ask(fmt::format("dialplan set chanvar {} {} {}", argument(channel), argument(name), argument(value)));
}

void AsteriskCalls::require_database() const {
    write("pbx-record", "works", "1");
    if (read("pbx-record", "works") != "1")
        throw Error{Exit::temporary, "Asterisk cannot read its database", "see the log of Asterisk"};
}

std::string AsteriskCalls::read(const std::string& family, const std::string& key) const {
    constexpr std::string_view begin = "Value: ";
    const auto answer = session_.ask(fmt::format("database get {} {}", family, key));
    const auto at = answer.find(begin);
    if (at == std::string::npos)
        return {};
    const auto value = answer.substr(at + begin.size());
    return value.substr(0, value.find_first_of("\r\n"));
}

std::map<std::string, std::string> AsteriskCalls::read_all(const std::string& family, const std::string& key) const {
    return entries_in(session_.ask(fmt::format("database show {} {}", family, key)));
}

void AsteriskCalls::write(const std::string& family, const std::string& key, const std::string& value) const {
    if (!contains(session_.ask(fmt::format("database put {} {} {}", family, key, argument(value))), "Updated database"))
        throw Error{Exit::temporary, fmt::format("Asterisk does not store {}/{} in its database", family, key),
                    "is its disk full? See the log of Asterisk"};
}

void AsteriskCalls::remove(const std::string& family, const std::string& key) const {
    session_.ask(fmt::format("database del {} {}", family, key));
}

bool AsteriskCalls::has_extension(const std::string& context, const std::string& extension) const {
    return contains(session_.ask(fmt::format("dialplan show {}@{}", extension, context)), "' =>");
}

bool AsteriskCalls::has_function(const std::string& name) const {
    return !contains(session_.ask("core show function " + name), "No function by that name");
}

void AsteriskCalls::originate(const std::string& context, const std::string& extension) const {
    session_.ask(fmt::format("channel originate Local/{0}@{1}/n extension {0}@{1}", extension, context));
}

} // namespace pbx::live
