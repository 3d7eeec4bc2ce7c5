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

bool has_extensions(const File& file) {
    return file.name.starts_with(dialplan::extension_files.name_begin) || file.name == dialplan::recorder_file;
}

// The listing cuts off long arguments, and shows them without the backslashes of the file.
std::string step(const std::string& extension, int number, std::string_view application) {
    constexpr std::size_t surely_shown = 200;
    std::string text{application.substr(0, surely_shown)};
    text.erase(std::remove(text.begin(), text.end(), '\\'), text.end());
    return fmt::format("{} {} {}", extension, number, text);
}

void skip_blanks(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
}

// Of "     [free]          10. MixMonitor(x)          [pbx-recorder.conf:12]" the application, if it is such a line.
std::string_view application_shown(std::string_view line) {
    skip_blanks(line);
    if (line.starts_with('[')) {
        line.remove_prefix(std::min(line.find(']'), line.size() - 1) + 1);
        skip_blanks(line);
    }
    const auto digits = line.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos || !line.substr(digits).starts_with(". "))
        return {};
    line.remove_prefix(digits + 2);
    line = line.substr(0, line.rfind(" ["));
    return line.substr(0, line.find_last_not_of(' ') + 1);
}

} // namespace

Names steps_in(const std::vector<File>& files) {
    Names steps;
    for (const auto& file : files) {
        if (!has_extensions(file))
            continue;
        std::string context;
        std::string extension;
        int number = 0;
        for (auto line : Lines{file.text}) {
            skip_blanks(line);
            if (line.starts_with('['))
                context = line.substr(1, line.find(']') - 1);
            const bool first = line.starts_with("exten => ");
            if (!first && !line.starts_with("same => "))
                continue;
            line.remove_prefix(line.find("=> ") + 3);
            if (first) {
                extension = fmt::format("{} {}", context, line.substr(0, line.find(',')));
                line.remove_prefix(std::min(line.find(','), line.size() - 1) + 1);
                number = 0;
            }
            const auto comma = line.find(',');
            if (comma != std::string_view::npos && line.substr(0, comma) != "hint")
                steps.insert(step(extension, ++number, line.substr(comma + 1)));
        }
    }
    return steps;
}

Names steps_shown(const std::string& listing) {
    Names steps;
    std::string context;
    std::string extension;
    int number = 0;
    for (auto line : Lines{listing}) {
        constexpr std::string_view begin = "[ Context '";
        if (line.starts_with(begin)) {
            line.remove_prefix(begin.size());
            context = line.substr(0, line.find('\''));
            continue;
        }
        if (line.starts_with("  '")) {
            line.remove_prefix(3);
            extension = fmt::format("{} {}", context, line.substr(0, line.find('\'')));
            line.remove_prefix(std::min(line.find("=>"), line.size() - 2) + 2);
            number = 0;
        }
        if (const auto application = application_shown(line); !application.empty())
            steps.insert(step(extension, ++number, application));
    }
    return steps;
}

Names extensions_in(const std::vector<File>& files) {
    Names names;
    for (const auto& file : files) {
        if (!has_extensions(file))
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

Names policy_in(const Names& extensions) {
    Names policy;
    for (const auto& name : extensions)
        if (std::string_view{name}.substr(0, name.find(' ')).ends_with("__policy"))
            policy.insert(name);
    return policy;
}

Names without(const Names& names, const Names& others) {
    Names rest;
    std::set_difference(names.begin(), names.end(), others.begin(), others.end(), std::inserter(rest, rest.end()));
    return rest;
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
