// Lines such as "  opus:48000   To slin:8000   : (opus@48000)->(slin@48000)->(slin@8000)", or "No Translation Path".
#include "deploy/codec_paths.hpp"

#include "base/lines.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pbx::deploy {

std::map<std::string, Names> codecs_in(const std::vector<File>& files) {
    constexpr std::string_view setting = "allow=";
    std::map<std::string, Names> codecs;
    for (const auto& file : files) {
        if (!file.name.starts_with(dialplan::endpoint_files.name_begin))
            continue;
        for (auto line : Lines{file.text}) {
            if (!line.starts_with(setting))
                continue;
            line.remove_prefix(setting.size());
            while (!line.empty()) {
                const auto end = std::min(line.find(','), line.size());
                codecs[std::string{line.substr(0, end)}].insert(file.name);
                line.remove_prefix(std::min(end + 1, line.size()));
            }
        }
    }
    return codecs;
}

bool leads_to(std::string_view listing, std::string_view codec) {
    const auto target = fmt::format(" To {}:", codec);
    for (const auto line : Lines{listing})
        if (line.find(target) != std::string_view::npos && line.find("->") != std::string_view::npos)
            return true;
    return false;
}

Names codecs_without_path(const std::map<std::string, Names>& codecs, const AskConsole& ask) {
    Names without;
    const auto encoded = ask("core show translation paths slin 8000");
    for (const auto& [codec, files] : codecs)
        if (!leads_to(encoded, codec) || !leads_to(ask("core show translation paths " + codec), "slin"))
            without.insert(codec);
    return without;
}

std::string codec_fault(const std::string& codec, const Names& files) {
    return fmt::format(
        "{}: the codec {} is allowed, but Asterisk cannot convert it, so such calls would not be recorded",
        fmt::join(files, ", "), codec);
}

} // namespace pbx::deploy
