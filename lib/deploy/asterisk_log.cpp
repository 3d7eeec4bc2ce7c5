// Lines such as "[Nov 24 12:00:00] WARNING[123]: pbx_config.c:1 load_config: No such file."
#include "deploy/asterisk_log.hpp"

#include "base/lines.hpp"

#include <algorithm>
#include <regex>

namespace pbx::deploy {

namespace {

void replace_all(std::string& text, const std::string& what, const std::string& by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
}

} // namespace

std::vector<std::string> complaints_in(std::string_view log, const std::string& private_folder,
                                       const Texts& real_names) {
    static const std::regex shape{R"(\[[^\]]*\] (WARNING|ERROR)\[\d+\](\[[^\]]*\])?:? (.*))"};
    constexpr std::size_t longest_line = 2000; // std::regex recurses once per character
    std::vector<std::string> result;
    std::smatch found;
    for (const auto text : Lines{log}) {
        const std::string line{text.substr(0, longest_line)};
        if (!std::regex_match(line, found, shape))
            continue;
        auto complaint = found.str(3);
        replace_all(complaint, private_folder, "");
        for (const auto& [name, real] : real_names)
            replace_all(complaint, name, real);
        if (complaint.ends_with('.'))
            complaint.pop_back();
        result.push_back(std::move(complaint));
    }
    return result;
}

bool is_about_name_servers(const std::string& complaint) {
    return complaint.find("did not resolve") != std::string::npos ||
           complaint.find("of type 'identify'") != std::string::npos;
}

bool is_about_files(const std::string& complaint, const Candidate& candidate) {
    const auto named = [&](const std::string& name) { return complaint.find(name) != std::string::npos; };
    return named("#include") || std::any_of(candidate.files.begin(), candidate.files.end(), [&](const auto& each) {
               const auto real = candidate.real_names.find(each.first);
               return named(real == candidate.real_names.end() ? each.first : real->second);
           });
}

} // namespace pbx::deploy
