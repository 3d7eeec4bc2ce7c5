// Sorted names, so that both sides can be compared at the speed of a merge.
#include "deploy/asterisk_listings.hpp"

#include "base/lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace pbx::deploy {

namespace {

// A shorter name in "pjsip show endpoints" has not been cut off.
constexpr std::size_t surely_whole = 30;

} // namespace

Names extensions_in(const std::vector<File>& files) {
    Names names;
    for (const auto& file : files) {
        if (!file.name.starts_with(dialplan::extension_files.name_begin) && file.name != dialplan::recorder_file)
            continue;
        std::string context;
        for (auto line : Lines{file.text}) {
            constexpr std::string_view exten = "exten => ";
            if (line.starts_with('['))
                context = line.substr(1, line.find(']') - 1);
            else if (line.starts_with(exten))
                names.insert(fmt::format("{} {}", context, line.substr(exten.size(), line.find(',') - exten.size())));
        }
    }
    return names;
}

Names extensions_shown(const std::string& listing) {
    Names names;
    std::string context;
    for (auto line : Lines{listing}) {
        constexpr std::string_view begin = "[ Context '";
        if (line.starts_with(begin)) {
            line.remove_prefix(begin.size());
            context = line.substr(0, line.find('\''));
        } else if (line.starts_with("  '")) {
            line.remove_prefix(3);
            names.insert(fmt::format("{} {}", context, line.substr(0, line.find('\''))));
        }
    }
    return names;
}

Names sections_in(const std::vector<File>& files, const dialplan::FileType& type, std::string_view with) {
    Names names;
    for (const auto& file : files) {
        if (!file.name.starts_with(type.name_begin))
            continue;
        std::string section;
        for (auto line : Lines{file.text}) {
            if (line.starts_with('['))
                section = line.substr(1, line.find(']') - 1);
            if (with.empty() ? line.starts_with('[') : line == with)
                names.insert(section);
        }
    }
    return names;
}

Names queues_shown(const std::string& listing) {
    Names names;
    for (auto line : Lines{listing}) {
        if (const auto end = line.find(" has "); end != std::string_view::npos && !line.starts_with(' '))
            names.emplace(line.substr(0, end));
    }
    return names;
}

std::vector<std::string> endpoints_shown(const std::string& listing) {
    std::vector<std::string> names;
    for (auto line : Lines{listing}) {
        constexpr std::string_view begin = " Endpoint:  ";
        if (!line.starts_with(begin) || line.find('<') == begin.size())
            continue;
        line.remove_prefix(begin.size());
        names.emplace_back(line.substr(0, line.find_first_of("/ ")));
    }
    std::sort(names.begin(), names.end());
    return names;
}

Names endpoints_not_shown(const Names& names, const std::vector<std::string>& shown) {
    Names missing;
    for (const auto& name : names) {
        const auto next = std::upper_bound(shown.begin(), shown.end(), name);
        const bool there =
            next != shown.begin() && (*std::prev(next) == name ||
                                      (std::prev(next)->size() >= surely_whole && name.starts_with(*std::prev(next))));
        if (!there)
            missing.insert(name);
    }
    return missing;
}

std::string setting_shown(const std::string& listing, std::string_view name) {
    std::string value;
    for (auto line : Lines{listing}) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        const auto colon = line.find(':');
        if (!line.starts_with(name) || colon == std::string_view::npos)
            continue;
        value = line.substr(colon + 1);
        value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
    }
    return value;
}

} // namespace pbx::deploy
