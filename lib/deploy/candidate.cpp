// Lines are replaced one by one, so that the line numbers in Asterisk's log are right.
#include "deploy/candidate.hpp"

#include "deploy/cdr_settings.hpp"
#include "dialplan/conf_lines.hpp"
#include "dialplan/includes.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace pbx::deploy {

namespace {

class CandidateWriter {
  public:
    Candidate write(const Folder& folder, const Texts& instead, const std::function<std::string(const Source&)>& ours) {
        for (const auto& type : dialplan::file_types) {
            result_.files[type.main_file];
            add(read_sources(folder, type.main_file, instead), std::string_view{type.main_file} == "pjsip.conf", ours);
        }
        add(read_sources(folder, cdr_file, instead), false, ours);
        return std::move(result_);
    }

  private:
    // pjsip.conf alone holds what opens ports, so the copy that is made for it replaces an earlier one.
    void add(const std::vector<Source>& sources, bool pjsip, const std::function<std::string(const Source&)>& ours) {
        for (const auto& source : sources) {
            const auto name = private_name(source.name);
            if (pjsip || copied_.insert(name).second)
                result_.files[name] =
                    source.ours ? copy({source.name, ours(source), true, source.includes}, pjsip) : copy(source, pjsip);
        }
    }

    std::string private_name(const std::string& name) {
        if (!name.starts_with('/'))
            return name;
        const auto known = names_.find(name);
        if (known != names_.end())
            return known->second;
        auto made = fmt::format("elsewhere/{}.conf", names_.size());
        result_.real_names.emplace(made, name);
        return names_.emplace(name, std::move(made)).first->second;
    }

    // The same lines, so that complaints name the right ones.
    std::string copy(const Source& source, bool pjsip) {
        std::string text;
        text.reserve(source.text.size());
        std::size_t number = 0;
        dialplan::for_each_conf_line(source.text, [&](const dialplan::ConfLine& line) {
            if (const auto code = replaced(source, line, number++, pjsip); code.empty())
                text += line.text;
            else
                text += repeated("--;", line.before) + code + repeated(";--", line.after) + '\n';
        });
        return text;
    }

    static std::string repeated(std::string_view mark, int times) {
        std::string result;
        for (int i = 0; i < times; ++i)
            result += mark;
        return result;
    }

    // What stands in place of a line; empty: the line itself.
    std::string replaced(const Source& source, const dialplan::ConfLine& line, std::size_t number, bool pjsip) {
        if (line.code.starts_with('#')) {
            const auto directive = dialplan::directive_of(line.code);
            if (directive.word == "exec") {
                result_.exec.insert(source.name);
                return ";";
            }
            const auto found = source.includes.find(number);
            if (found == source.includes.end() || found->second.empty())
                return {};
            if (found->second.size() == 1)
                return fmt::format("#{} \"{}\"", directive.word, private_name(found->second.front()));
            const auto list = fmt::format("lists/{}.conf", lists_++);
            for (const auto& name : found->second)
                result_.files[list] += fmt::format("#{} \"{}\"\n", directive.word, private_name(name));
            return fmt::format("#{} \"{}\"", directive.word, list);
        }
        if (!pjsip)
            return {};
        const auto setting = dialplan::setting_of(line.code);
        // A type that nobody reads: without a transport no port is opened, and nothing can be sent.
        if (setting.key == "type" && dialplan::lower(setting.value) == "transport")
            return "type=transport-not-opened";
        return setting.key == "qualify_frequency" ? "qualify_frequency=0" : "";
    }

    Candidate result_;
    Texts names_; // in reality: here
    std::set<std::string> copied_;
    std::size_t lists_ = 0;
};

} // namespace

Candidate make_candidate(const Folder& folder, const Texts& instead,
                         const std::function<std::string(const Source&)>& ours) {
    return CandidateWriter{}.write(folder, instead, ours);
}

} // namespace pbx::deploy
