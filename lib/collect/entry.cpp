#include "collect/entry.hpp"

#include "base/name.hpp"

#include <nlohmann/json.hpp>

namespace pbx::collect {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

std::string text_of(const Json& item, const char* key) {
    const auto found = item.find(key);
    return found != item.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::vector<std::string> list_of(const Json& item, const char* key) {
    std::vector<std::string> list;
    if (const auto found = item.find(key); found != item.end() && found->is_array())
        for (const auto& each : *found)
            if (each.is_string())
                list.push_back(each.get<std::string>());
    return list;
}

} // namespace

std::string Entry::key() const {
    return linkedid.empty() ? "?" + name : linkedid + "/" + account;
}

std::string Entry::line() const {
    Json item;
    item["call"] = name;
    item["linkedid"] = text_or_null(linkedid);
    item["account"] = linkedid.empty() ? Json(nullptr) : Json(account);
    item["file"] = text_or_null(file);
    item["size"] = file.empty() ? Json(nullptr) : Json(size);
    item["sha256"] = text_or_null(sha256);
    item["start"] = text_or_null(start);
    item["source"] = text_or_null(source);
    item["legs"] = legs;
    item["empty"] = empty;
    item["missing"] = missing;
    item["unreadable"] = unreadable;
    item["consent"] = text_or_null(consent);
    item["paused"] = text_or_null(paused);
    item["verified"] = verified;
    item["format"] = text_or_null(format);
    item["channel"] = text_or_null(channel);
    item["overlap"] = text_or_null(overlap);
    item["fetched"] = text_or_null(fetched);
    item["status"] = static_cast<int>(status);
    item["absence"] = text_or_null(absence);
    item["error"] = text_or_null(error);
    return item.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::optional<Entry> Entry::parse(std::string_view line) {
    const auto item = Json::parse(line, nullptr, false);
    if (!item.is_object() || !item.contains("status") || !item["status"].is_number_integer())
        return std::nullopt;
    Entry entry;
    entry.name = text_of(item, "call");
    entry.linkedid = text_of(item, "linkedid");
    entry.account = text_of(item, "account");
    entry.file = text_of(item, "file");
    entry.sha256 = text_of(item, "sha256");
    if (const auto size = item.find("size"); size != item.end() && size->is_number_unsigned())
        entry.size = size->get<std::uint64_t>();
    entry.start = text_of(item, "start");
    entry.source = text_of(item, "source");
    entry.legs = list_of(item, "legs");
    entry.empty = list_of(item, "empty");
    entry.missing = list_of(item, "missing");
    entry.unreadable = list_of(item, "unreadable");
    entry.consent = text_of(item, "consent");
    entry.paused = text_of(item, "paused");
    entry.verified = item.value("verified", Json(false)) == Json(true);
    entry.format = text_of(item, "format");
    entry.channel = text_of(item, "channel");
    entry.overlap = text_of(item, "overlap");
    entry.fetched = text_of(item, "fetched");
    entry.status = static_cast<Exit>(item["status"].get<int>());
    entry.absence = text_of(item, "absence");
    entry.error = text_of(item, "error");
    // A file that is not in this folder is none of ours.
    if (!entry.file.empty() && (!name_fault(entry.file).empty() || entry.file.find('\\') != std::string::npos))
        return std::nullopt;
    return entry;
}

} // namespace pbx::collect
