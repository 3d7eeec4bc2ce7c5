// What rclone 1.60 to 1.7x print; the forms were measured, see docs/rclone.md.
#include "remote/rclone_output.hpp"

#include "base/lines.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <initializer_list>
#include <utility>

namespace pbx::rclone_output {

namespace {

using Json = nlohmann::json;

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// "2026/11/22 20:38:00 ERROR : x" without its date.
std::string_view without_date(std::string_view line) {
    constexpr std::string_view form = "0000/00/00 00:00:00 ";
    if (line.size() < form.size())
        return line;
    for (std::size_t i = 0; i < form.size(); ++i)
        if (form[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != form[i])
            return line;
    return line.substr(form.size());
}

// "ERROR : x" without its level. rclone pads the level to six characters.
std::string_view without_level(std::string_view line) {
    for (const std::string_view level : {"ERROR : ", "NOTICE: ", "WARNING: ", "CRITICAL: ", "ALERT : ", "EMERGENCY: "})
        if (line.starts_with(level))
            return line.substr(level.size());
    return line;
}

// "Failed to copy with 2 errors: last error was: x", "Attempt 1/1 failed with 2 errors and: x": the x.
std::string_view without_command(std::string_view text) {
    for (const std::string_view command : {"lsjson", "lsf", "copy", "cat", "hashsum", "backend"}) {
        const auto failed = fmt::format("Failed to {}", command);
        if (!text.starts_with(failed))
            continue;
        const auto rest = text.substr(failed.size());
        constexpr std::string_view several = "last error was: ";
        if (rest.starts_with(": "))
            return rest.substr(2);
        if (const auto at = rest.find(several); rest.starts_with(" with ") && at != std::string_view::npos)
            return rest.substr(at + several.size());
    }
    constexpr std::string_view attempt_ends = " errors and: ";
    if (const auto at = text.find(attempt_ends); text.starts_with("Attempt ") && at != std::string_view::npos)
        return text.substr(at + attempt_ends.size());
    return text;
}

// "create file system for "x:y": NewFs: z": the z. A message names the remote already.
std::string_view without_file_system(std::string_view text) {
    constexpr std::string_view begin = "create file system for \"";
    constexpr std::string_view name_ends = "\": ";
    if (const auto at = text.find(name_ends, begin.size()); text.starts_with(begin) && at != std::string_view::npos)
        text.remove_prefix(at + name_ends.size());
    for (const std::string_view prefix : {"NewFs: ", "couldn't connect SSH: "})
        if (text.starts_with(prefix))
            text.remove_prefix(prefix.size());
    return text;
}

// The SDK for S3 puts the HTTP status into a second line, which begins with a tab.
std::string in_one_line(std::string_view text) {
    std::string result;
    for (const auto line : Lines{text}) {
        const auto begin = line.find_first_not_of("\t ");
        if (begin == std::string_view::npos)
            continue;
        result += result.empty() ? "" : ", ";
        result += line.substr(begin);
    }
    return result;
}

std::string string_at(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

// get<>() would convert a negative number, or one of a hundred digits, to some count; a reference to a whole number
// exists only where there is one.
std::uint64_t count_at(const Json& object, const char* key) {
    return object.at(key).get_ref<const Json::number_unsigned_t&>();
}

bool is_md5(std::string_view text) {
    constexpr std::size_t digits = 32;
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Nothing for a folder and for a size that makes no sense: rclone prints -1 for a size that it does not know, and no
// storage holds objects over 16 TiB.
std::optional<RemoteObject> object_of(const Json& entry) {
    constexpr std::int64_t largest = 1LL << 44U;
    const auto size = entry.find("Size");
    const auto is_folder = entry.find("IsDir");
    if (size == entry.end() || !size->is_number_integer() || (is_folder != entry.end() && *is_folder != false))
        return std::nullopt;
    const auto bytes = size->get<std::int64_t>();
    if (bytes < 0 || bytes > largest)
        return std::nullopt;
    RemoteObject object;
    object.size = static_cast<std::uint64_t>(bytes);
    object.modified = parse_time(string_at(entry, "ModTime"));
    if (const auto hashes = entry.find("Hashes"); hashes != entry.end() && hashes->is_object())
        if (auto md5 = string_at(*hashes, "md5"); is_md5(md5))
            object.md5 = std::move(md5);
    return object;
}

bool is_same_content(const RemoteObject& a, const RemoteObject& b) {
    return a.size == b.size && a.md5 == b.md5;
}

} // namespace

std::chrono::sys_seconds parse_time(const std::string& text) {
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr)
        return {};
    std::chrono::sys_seconds time{std::chrono::seconds{::timegm(&parts)}};
    while (*rest == '.' || (*rest >= '0' && *rest <= '9'))
        ++rest;
    std::tm zone{};
    if ((*rest == '+' || *rest == '-') && ::strptime(rest + 1, "%H:%M", &zone) != nullptr) {
        const auto offset = std::chrono::hours{zone.tm_hour} + std::chrono::minutes{zone.tm_min};
        time += *rest == '+' ? -offset : offset;
    }
    // Later times are compared in nanoseconds, which end in 2262.
    constexpr std::chrono::sys_days latest{std::chrono::year{2262} / 1 / 1};
    return time < latest ? time : std::chrono::sys_seconds{};
}

std::optional<ListEntry> parse_list_line(std::string_view line) {
    if (!line.empty() && line.back() == ',')
        line.remove_suffix(1);
    if (line.size() > longest_line)
        return std::nullopt;
    const auto entry = Json::parse(line.begin(), line.end(), nullptr, false);
    if (!entry.is_object())
        return std::nullopt;
    auto path = string_at(entry, "Path");
    if (path.empty())
        return std::nullopt;
    return ListEntry{std::move(path), object_of(entry)};
}

void ListForm::add_line(std::string_view line, bool is_entry) {
    if (line.empty())
        return;
    begun_ = begun_ || line == "[" || line == "[]";
    ended_ = line == "]" || line == "[]";
    well_formed_ = well_formed_ && begun_ && (is_entry || line == "[" || ended_);
}

ListAnswer parse_list(std::string_view out, const std::vector<std::string>& asked) {
    const std::set<std::string_view> names{asked.begin(), asked.end()};
    ListAnswer answer;
    ListForm form;
    for (const auto line : Lines{out}) {
        auto entry = parse_list_line(line);
        form.add_line(line, entry.has_value());
        if (!entry || !names.contains(entry->path))
            continue;
        const auto earlier = answer.objects.find(entry->path);
        if (!entry->object || (earlier != answer.objects.end() && !is_same_content(earlier->second, *entry->object)))
            answer.unclear.insert(entry->path);
        else
            answer.objects.insert_or_assign(std::move(entry->path), *std::move(entry->object));
    }
    for (const auto& name : answer.unclear)
        answer.objects.erase(name);
    answer.is_whole = form.is_whole();
    return answer;
}

std::map<std::string, std::string> parse_hashes(std::string_view out, const std::vector<std::string>& asked) {
    constexpr std::size_t digits = 32;
    const std::set<std::string_view> names{asked.begin(), asked.end()};
    std::map<std::string, std::string> result;
    std::set<std::string_view> doubtful; // a store may have two objects of one name
    // A last line without an end may lack the end of its name.
    for (const auto line : Lines{out.substr(0, out.rfind('\n') + 1)}) {
        if (line.size() > digits + 2 && line.substr(digits, 2) == "  " && names.contains(line.substr(digits + 2)) &&
            is_md5(line.substr(0, digits))) {
            const auto name = line.substr(digits + 2);
            const auto md5 = line.substr(0, digits);
            if (const auto [known, is_new] = result.emplace(name, md5); !is_new && known->second != md5)
                doubtful.insert(name);
        }
    }
    for (const auto name : doubtful)
        result.erase(std::string{name});
    return result;
}

std::optional<StorageFeatures> parse_features(std::string_view out) {
    const auto answer = Json::parse(out, nullptr, false);
    if (!answer.is_object() || !answer.contains("Features") || !answer["Features"].is_object())
        return std::nullopt;
    const auto has = [&](const char* feature) {
        const auto found = answer["Features"].find(feature);
        return found != answer["Features"].end() && *found == true;
    };
    // hasher and the like around a folder of this machine count as local, but their path is one of their own.
    auto folder = string_at(answer, "Root");
    const bool is_local = has("IsLocal") && !has("WrapFs") && folder.starts_with('/');
    const bool is_encrypted = string_at(answer, "String").starts_with("Encrypted drive ");
    const bool has_own_hashes = !has("WrapFs") || is_encrypted;
    return StorageFeatures{has("BucketBased"), is_encrypted, has_own_hashes, is_local, std::move(folder)};
}

std::variant<TransferStats, std::string> parse_log_line(std::string_view line) {
    const auto as_it_is = std::string{line} + "\n";
    const auto entry = line.size() > longest_line ? Json{} : Json::parse(line, nullptr, false);
    if (!entry.is_object())
        return as_it_is;
    try {
        if (const auto stats = entry.find("stats"); stats != entry.end())
            return TransferStats{count_at(*stats, "bytes"), count_at(*stats, "transfers"),
                                 stats->at("speed").get<double>()};
        const auto level = entry.value("level", std::string{});
        const auto object = entry.value("object", std::string{});
        return fmt::format("{}{}{}\n", level == "warning" || level == "notice" ? "NOTICE: " : "ERROR : ",
                           object.empty() ? "" : object + ": ", in_one_line(entry.value("msg", std::string{})));
    } catch (const Json::exception&) {
        return as_it_is;
    }
}

std::string failure_reason(std::string_view err) {
    std::string last;
    for (const auto line : Lines{err}) {
        const auto text = without_date(line);
        if (text.empty())
            continue;
        // A notice is not a reason, but rclone 1.70 and later print their last words as one.
        if (text.starts_with("NOTICE:") && !without_level(text).starts_with("Failed to "))
            continue;
        if (text.front() == '\t' && !last.empty())
            last += ", " + in_one_line(text);
        else
            last = text;
    }
    auto reason = without_command(without_level(last));
    for (const std::string_view prefix : {"Failed to ", "error in ListJSON: "})
        if (reason.starts_with(prefix))
            reason.remove_prefix(prefix.size());
    reason = without_file_system(reason);
    if (reason.ends_with('.') && !reason.ends_with("..")) // an FTP server's sentence
        reason.remove_suffix(1);
    constexpr std::size_t longest = 240;
    return reason.size() <= longest ? std::string{reason} : std::string{reason.substr(0, longest)} + "...";
}

std::map<std::string, std::string> parse_object_errors(std::string_view err) {
    std::map<std::string, std::string> errors;
    for (const auto line : Lines{err}) {
        constexpr std::string_view mark = "ERROR : ";
        auto text = without_date(line);
        if (!text.starts_with(mark))
            continue;
        text.remove_prefix(mark.size());
        if (const auto colon = text.find(": "); colon != std::string_view::npos)
            errors.insert_or_assign(std::string{text.substr(0, colon)}, std::string{text.substr(colon + 2)});
    }
    return errors;
}

bool is_corruption(std::string_view reason) {
    return contains_any(reason, {"corrupted on transfer", "Object Corrupted"}); // the latter is Swift's
}

Exit exit_for_reason(std::string_view reason) {
    // Google answers 403 also when it is asked too often.
    if (contains_any(reason,
                     {"Error 401", "Error 403", "401 Unauthorized", "403 Forbidden", "AccessDenied", "Forbidden",
                      "permission denied", "Permission denied", "status code: 401", "status code: 403",
                      "StatusCode: 401", "StatusCode: 403", "InvalidAccessKeyId", "SignatureDoesNotMatch",
                      "Authorization Failed", "Operation forbidden", "unable to authenticate", "Login incorrect"}) &&
        !contains_any(reason, {"ateLimitExceeded", "uotaExceeded", "rate limit", "quota"}))
        return Exit::no_permission;
    // These are crypt's; see Remote::read_failure() for its "unexpected EOF".
    if (is_corruption(reason) ||
        contains_any(reason, {"failed to authenticate decrypted block", "not an encrypted file",
                              "too short to be encrypted", "truncated block header"}))
        return Exit::data;
    if (contains_any(reason, {"no space left on device", "disk quota exceeded"}))
        return Exit::cant_create;
    return Exit::unavailable;
}

} // namespace pbx::rclone_output
