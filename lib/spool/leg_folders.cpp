// A day's folder is opened each time that it is needed: a spool may have more of them than a process can have open
// files.
#include "spool/leg_folders.hpp"

#include "base/log.hpp"
#include "base/name.hpp"
#include "base/printable.hpp"
#include "spool/leg_file.hpp"
#include "spool/removal.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace pbx::spool {

namespace {

bool is_number(std::string_view text, std::size_t digits) {
    return text.size() == digits && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The folders in `parent` whose names are numbers of so many digits. A link is reported, since legs may lie behind it.
std::vector<std::string> numbered_folders(const Folder& parent, std::size_t digits,
                                          const std::function<void(const Error&)>& fault) {
    std::vector<std::string> names;
    parent.for_each_name([&](const std::string& name) {
        const auto found = is_number(name, digits) ? parent.look(name) : std::nullopt;
        if (found && S_ISLNK(found->st_mode))
            fault({Exit::data, parent.path_of(name) + " is a link, so it was not opened",
                   "legs lie in folders below the spool; see spool-layout in pbx.conf(5)"});
        else if (found && S_ISDIR(found->st_mode))
            names.push_back(name);
    });
    std::sort(names.begin(), names.end());
    return names;
}

// A day's folder below `parent`, whose own path below the spool is `path`: first years, then months, then days.
void add_days(const Folder& parent, const std::string& path, std::vector<Day>& days,
              const std::function<void(const Error&)>& fault) {
    constexpr std::size_t year = 4;
    constexpr std::size_t month_or_day = 2;
    for (const auto& name : numbered_folders(parent, path.empty() ? year : month_or_day, fault)) {
        auto below = path_below_spool(path, name);
        try {
            if (is_day_folder(below))
                days.push_back(std::move(below));
            else if (const auto folder = parent.find_folder(name))
                add_days(*folder, below, days, fault);
        } catch (const Error& error) {
            fault(error);
        }
    }
}

void list(const Folder& folder, const Day& day, const LegFolders::Each& each) {
    folder.for_each_name([&](const std::string& name) { each(day, folder, name); });
}

// Returns whether the folder of the day is there and was listed to its end. An Error of `each` is not one of the
// folder.
bool list_day(const LegFolders& folders, const Day& day, const LegFolders::Each& each,
              const std::function<void(const Error&)>& fault) {
    bool is_in_each = false;
    try {
        const auto folder = folders.find_day(day);
        if (!folder)
            return false;
        list(*folder, day, [&](const Day& its_day, const Folder& its_folder, const std::string& name) {
            is_in_each = true;
            each(its_day, its_folder, name);
            is_in_each = false;
        });
        return true;
    } catch (const Error& error) {
        if (is_in_each)
            throw;
        fault(error);
        return false;
    }
}

// A name that cannot be looked at may be that of a file.
bool may_be_file(const Folder& folder, const std::string& name, const std::function<void(const Error&)>& fault) {
    try {
        const auto status = folder.look(name);
        return status && S_ISREG(status->st_mode);
    } catch (const Error& error) {
        fault(error);
        return true;
    }
}

// The name that the leg has, or had before a run that was killed has hidden it.
std::string leg_name(const std::string& name) {
    auto original = original_name(name);
    return original.empty() ? name : original;
}

} // namespace

std::string path_below_spool(const Day& day, const std::string& name) {
    return day.empty() ? name : day + "/" + name;
}

std::shared_ptr<const Folder> LegFolders::find_day(const Day& day) const {
    if (day.empty())
        return {std::shared_ptr<const Folder>{}, spool_}; // owns nothing
    if (!is_dated() || !is_day_folder(day))
        return nullptr;
    constexpr std::size_t month_at = 5;
    constexpr std::size_t day_at = 8;
    auto folder = spool_->find_folder(day.substr(0, 4));
    if (folder)
        folder = folder->find_folder(day.substr(month_at, 2));
    if (folder)
        folder = folder->find_folder(day.substr(day_at, 2));
    return folder ? std::make_shared<const Folder>(*std::move(folder)) : nullptr;
}

// What is no regular file in the spool of the layout `flat` is reported by whoever opens it.
std::vector<SpoolFile> LegFolders::find(const std::string& name, const std::vector<Day>& days, const Day& named) const {
    std::vector<SpoolFile> found;
    const auto in_spool = spool_->look(name);
    if (in_spool && (!is_dated() || S_ISREG(in_spool->st_mode)))
        found.push_back({{}, *in_spool});
    if (!is_dated())
        return found;
    if (in_spool && found.empty())
        log::note("{} is not a regular file, so it was not opened", shown(spool_->path_of(name)));
    std::optional<Error> unread;
    for (const auto& day : days) {
        const bool is_known =
            std::any_of(found.begin(), found.end(), [&](const SpoolFile& file) { return file.day == day; });
        try {
            const auto status = is_known || day.empty() ? std::nullopt : look_in(day, name);
            if (status)
                found.push_back({day, *status});
        } catch (const Error& error) {
            if (day == named)
                throw;
            log::note("leg {} was not looked for in the folder {}: {}", shown(name), day, error.what());
            // No leg lies behind a link, or in what is no folder.
            if (error.status() != Exit::data)
                unread = error;
        }
    }
    if (found.empty() && unread)
        throw Error{*unread};
    return found;
}

std::optional<struct stat> LegFolders::look_in(const Day& day, const std::string& name) const {
    const auto folder = find_day(day);
    const auto status = folder ? folder->look(name) : std::nullopt;
    return status && S_ISREG(status->st_mode) ? status : std::nullopt;
}

std::optional<SpoolFile> LegFolders::find_one(const std::string& name, const std::vector<Day>& days,
                                              const Day& named) const {
    auto found = find(name, days, named);
    if (found.size() > 1) {
        Paths paths;
        for (const auto& file : found)
            paths.push_back(path_below_spool(file.day, name));
        throw same_name(name, *spool_, paths);
    }
    return found.empty() ? std::nullopt : std::optional{std::move(found.front())};
}

std::vector<Day> LegFolders::days(const std::function<void(const Error&)>& fault) const {
    std::vector<Day> days;
    if (is_dated())
        add_days(*spool_, {}, days, fault);
    return days;
}

void LegFolders::for_each_name(const std::vector<Day>& days, const Each& each,
                               const std::function<void(const Error&)>& fault) const {
    list(*spool_, {}, each);
    for (const auto& day : days)
        list_day(*this, day, each, fault);
}

SameNames find_same_names(const LegFolders& folders, std::vector<Day>& days,
                          const std::function<void(const Error&)>& fault) {
    if (days.empty())
        return {};
    const std::hash<std::string> hash_of;
    std::vector<std::size_t> hashes;
    const auto list_all = [&](const LegFolders::Each& each) {
        list(folders.spool(), {}, each);
        std::erase_if(days, [&](const Day& day) { return !list_day(folders, day, each, fault); });
    };
    list_all([&](const Day&, const Folder&, const std::string& name) {
        if (const auto leg = leg_name(name); is_leg_name(leg))
            hashes.push_back(hash_of(leg));
    });
    std::sort(hashes.begin(), hashes.end());
    std::vector<std::size_t> repeated;
    for (auto at = hashes.begin(); (at = std::adjacent_find(at, hashes.end())) != hashes.end(); ++at)
        repeated.push_back(*at);
    SameNames same;
    if (repeated.empty())
        return same;
    list_all([&](const Day& day, const Folder& folder, const std::string& name) {
        const auto leg = leg_name(name);
        if (!is_leg_name(leg) || !std::binary_search(repeated.begin(), repeated.end(), hash_of(leg)))
            return;
        // A recorder has begun another file under the name of the hidden one, which keeps its hidden name.
        const bool is_left_over = leg != name && may_be_file(folder, leg, fault);
        if (!is_left_over && may_be_file(folder, name, fault))
            same[leg].push_back(path_below_spool(day, name));
    });
    std::erase_if(same, [](const auto& each) { return each.second.size() < 2; });
    return same;
}

Error same_name(const std::string& name, const Folder& spool, const Paths& paths) {
    std::string text;
    for (const auto& path : paths)
        text += (text.empty() ? "" : " and ") + printable(spool.path_of(path));
    return {Exit::data, "leg " + shown(name) + " exists in more than one folder: " + text,
            "listen to each; rename all but one, and correct the CDR rows that name the renamed files"};
}

} // namespace pbx::spool
