#include "collect/name_template.hpp"

#include "base/error.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "recording/resolved_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pbx::collect {

namespace {

// Leaves room for a number, an extension, and what a hidden temporary file adds, in the 255 bytes of a file name.
constexpr std::size_t longest = 180;

// "20260418-144004", in UTC, as Asterisk's recordings are named.
std::string compact(std::chrono::sys_seconds time) {
    auto text = utc_time(time);
    std::erase_if(text, [](char c) { return c == '-' || c == ':' || c == 'Z'; });
    std::replace(text.begin(), text.end(), 'T', '-');
    return text;
}

// Without the ".wav" of the stitched recording: "LINKEDID" or "LINKEDID.ACCOUNTCODE".
std::string default_name(const cdr::Call& call) {
    const auto name = recording::stitched_name(call);
    return name.substr(0, name.rfind('.'));
}

using Field = std::function<std::string(const cdr::Call&)>;
using JourneyField = std::function<std::string(const cdr::Journey&)>;

const std::map<std::string, Field>& call_fields() {
    static const std::map<std::string, Field> fields{
        {"call", default_name},
        {"linkedid", [](const cdr::Call& call) { return call.linkedid; }},
        {"account", [](const cdr::Call& call) { return call.accountcode; }},
        {"start", [](const cdr::Call& call) { return compact(call.started); }},
        {"date", [](const cdr::Call& call) { return compact(call.started).substr(0, 8); }},
        {"time", [](const cdr::Call& call) { return compact(call.started).substr(9); }},
    };
    return fields;
}

std::string lowest_id(const cdr::Journey& call) {
    const auto lowest = std::min_element(call.rows.begin(), call.rows.end(),
                                         [](const auto& one, const auto& other) { return one.id < other.id; });
    return std::to_string(lowest->id);
}

const std::map<std::string, JourneyField>& journey_fields() {
    static const std::map<std::string, JourneyField> fields{
        {"id", lowest_id},
        {"from", [](const cdr::Journey& call) { return call.from; }},
        {"to", [](const cdr::Journey& call) { return call.to; }},
        {"answered_by", [](const cdr::Journey& call) { return call.answered_by; }},
        {"organization", [](const cdr::Journey& call) { return call.organization; }},
        {"disposition", [](const cdr::Journey& call) { return call.disposition; }},
        {"duration", [](const cdr::Journey& call) { return std::to_string(call.duration.count()); }},
        {"direction", [](const cdr::Journey& call) { return std::string{direction_name(call.direction)}; }},
    };
    return fields;
}

// Characters that end a name, lead elsewhere, or mean something to a shell or to another file system.
bool is_unfit(unsigned char c) {
    constexpr std::string_view special = "/\\:*?\"<>|'`$&;(){}[]!#~%";
    constexpr unsigned char del = 0x7f;
    return c <= ' ' || c == del || special.find(static_cast<char>(c)) != std::string_view::npos;
}

std::string made_fit(std::string text) {
    const bool keeps_letters = is_utf8(text);
    std::replace_if(
        text.begin(), text.end(),
        [&](char c) { return is_unfit(static_cast<unsigned char>(c)) || (!keeps_letters && (c & '\x80') != 0); }, '_');
    return text;
}

std::string shortened(std::string name) {
    if (name.size() <= longest)
        return name;
    auto end = longest;
    while (end > 0 && (name[end] & '\xc0') == '\x80') // inside a character of UTF-8
        --end;
    return name.substr(0, end);
}

} // namespace

NameTemplate::NameTemplate(const std::string& text) {
    const std::string whole = text.empty() ? "{call}" : text;
    for (std::size_t at = 0; at < whole.size();) {
        const auto open = std::min(whole.find('{', at), whole.size());
        if (open > at)
            parts_.push_back({whole.substr(at, open - at), false});
        if (open == whole.size())
            break;
        const auto close = whole.find('}', open);
        if (close == std::string::npos)
            throw Error{Exit::usage, "--name " + shown(text) + ": a field is not closed", "write {start}-{from}"};
        add_field(whole.substr(open + 1, close - open - 1));
        at = close + 1;
    }
    for (const auto& part : parts_)
        if (!part.is_field && part.text.find('/') != std::string::npos)
            throw Error{Exit::usage, "--name " + shown(text) + ": a name has no slash",
                        "all files lie in the folder that --to names"};
}

void NameTemplate::add_field(const std::string& field) {
    const bool is_of_journey = journey_fields().contains(field);
    if (!is_of_journey && !call_fields().contains(field)) {
        std::string known;
        for (const auto& [name, value] : call_fields())
            known += name + " ";
        for (const auto& [name, value] : journey_fields())
            known += name + " ";
        throw Error{Exit::usage, "--name: unknown field {" + shown(field) + "}", "the fields are: " + known};
    }
    needs_journey_ = needs_journey_ || is_of_journey;
    parts_.push_back({field, true});
}

std::string NameTemplate::name_of(const cdr::Call& call, const cdr::Journey* journey) const {
    std::string name;
    for (const auto& part : parts_) {
        if (!part.is_field)
            name += part.text;
        else if (const auto field = call_fields().find(part.text); field != call_fields().end())
            name += field->second(call);
        else if (journey != nullptr)
            name += journey_fields().at(part.text)(*journey);
    }
    name = shortened(made_fit(std::move(name)));
    if (name.empty() || name.front() == '.' || name.front() == '-')
        name.insert(0, "_");
    return name;
}

std::string numbered(const std::string& name, unsigned number) {
    return number < 2 ? name : fmt::format("{}-{}", name, number);
}

} // namespace pbx::collect
