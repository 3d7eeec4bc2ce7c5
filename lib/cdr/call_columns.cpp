// The columns stand in the order of their cells.
#include "cdr/call_columns.hpp"

#include "base/error.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pbx::cdr {

namespace {

std::string second(std::chrono::sys_seconds time, const CellFormat& format) {
    return format.on_terminal ? shown_time(time) : iso_time(time);
}

std::string minute(std::chrono::sys_seconds time, const CellFormat& format) {
    return format.on_terminal ? shown_minute(time) : iso_time(time);
}

std::string span_text(std::chrono::seconds span, const CellFormat& format) {
    return format.on_terminal ? clock_time(span) : std::to_string(span.count());
}

// Outside of CSV the name of the call is that for pbx-recording-fetch, also where accounts share the linkedid.
std::string name_of(const Journey& call, const CellFormat& format) {
    return call.shares_linkedid && !format.is_csv ? call.linkedid + "/" + call.accountcode : call.linkedid;
}

Colour colour_of_disposition(const std::string& disposition) {
    return disposition == "ANSWERED" ? Colour::green : disposition == "FAILED" ? Colour::red : Colour::yellow;
}

Column number_column(const char* name, std::size_t width) {
    return {.name = name, .width = width, .right = true};
}

Column text_column(const char* name, std::size_t width) {
    return {.name = name, .width = width, .is_text = true};
}

Column kept(Column column) {
    column.is_kept = true;
    return column;
}

Column disposition_column() {
    return {.name = "disposition", .width = 11, .is_kept = true, .colour = colour_of_disposition};
}

} // namespace

std::string clock_time(std::chrono::seconds span) {
    const auto seconds = span.count();
    return seconds >= 3600 ? fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
                           : fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

std::vector<Column> call_columns() {
    return {{"linkedid", 17},
            kept({"start", 16}),
            kept(text_column("from", 7)),
            kept(text_column("to", 7)),
            {"direction", 9},
            kept(number_column("duration", 8)),
            number_column("talk_time", 9),
            disposition_column(),
            number_column("legs", 4),
            text_column("dialled", 14),
            text_column("answered_by", 14),
            number_column("waited", 7),
            text_column("organization", 20),
            text_column("accountcode", 36),
            {"consent", 9}};
}

std::vector<std::string> cells_of(const Journey& call, const CellFormat& format) {
    return {name_of(call, format),
            minute(call.start, format),
            call.from,
            call.to,
            direction_name(call.direction),
            span_text(call.duration, format),
            span_text(call.talk_time, format),
            call.disposition,
            std::to_string(call.legs),
            call.dialled,
            call.answered_by,
            span_text(call.waited, format),
            call.organization,
            call.accountcode,
            call.consent};
}

std::vector<std::size_t> choose_columns(const std::string& names) {
    const auto all = call_columns();
    std::vector<std::size_t> chosen;
    for (std::size_t at = 0; at <= names.size();) {
        const auto end = std::min(names.find(',', at), names.size());
        const auto name = names.substr(at, end - at);
        at = end + 1;
        const auto found = std::find_if(all.begin(), all.end(), [&](const Column& each) { return each.name == name; });
        if (found == all.end()) {
            std::string known;
            for (const auto& each : all)
                known += (known.empty() ? "" : ", ") + each.name;
            throw Error{Exit::usage, fmt::format("unknown column \"{}\"", shown(name)), "the columns are " + known};
        }
        const auto index = static_cast<std::size_t>(found - all.begin());
        if (std::find(chosen.begin(), chosen.end(), index) != chosen.end())
            throw Error{Exit::usage, fmt::format("column \"{}\" is named twice", name), "name each column once"};
        chosen.push_back(index);
    }
    return chosen;
}

std::vector<Column> row_columns() {
    return {number_column("id", 8),         kept({"start", 19}),
            kept(text_column("from", 7)),   kept(text_column("to", 7)),
            number_column("duration", 8),   number_column("talk_time", 9),
            disposition_column(),           kept(text_column("recordingfile", 10)),
            text_column("application", 12), text_column("channel", 36),
            text_column("dstchannel", 36),  text_column("context", 30),
            text_column("uniqueid", 17),    text_column("linkedid", 17),
            text_column("accountcode", 36), {"recording_paused", 16},
            {"recording_consent", 9}};
}

std::vector<std::string> cells_of(const CdrRow& row, const CellFormat& format) {
    return {std::to_string(row.id),
            second(row.calldate, format),
            row.src,
            row.dst,
            span_text(row.duration, format),
            span_text(row.billsec, format),
            row.disposition,
            row.recordingfile,
            row.lastapp,
            row.channel,
            row.dstchannel,
            row.dcontext,
            row.uniqueid,
            row.linkedid,
            row.accountcode,
            row.recording_paused,
            row.recording_consent};
}

} // namespace pbx::cdr
