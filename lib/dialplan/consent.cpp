// A fault must not disable the organization's phones, nor record a call that may need consent.
#include "dialplan/consent.hpp"

#include "dialplan/fault.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace pbx::dialplan {

namespace {

constexpr std::array<std::pair<ConsentMode, const char*>, 5> words{{{ConsentMode::none, "none"},
                                                                    {ConsentMode::external, "external"},
                                                                    {ConsentMode::announcement, "announcement"},
                                                                    {ConsentMode::opt_out, "opt_out"},
                                                                    {ConsentMode::opt_in, "opt_in"}}};
constexpr std::size_t longest_prompt = 120;

bool is_unset(const std::string& json) {
    return json.empty() || json == "null";
}

std::optional<std::string> text_in(const std::string& json) {
    const auto value = nlohmann::json::parse(json, nullptr, false);
    return value.is_string() ? std::optional{value.get<std::string>()} : std::nullopt;
}

std::optional<ConsentMode> mode_in(const std::string& json) {
    if (is_unset(json))
        return ConsentMode::none;
    const auto text = text_in(json);
    const auto* found = std::find_if(words.begin(), words.end(), [&](const auto& each) { return each.second == text; });
    return found == words.end() ? std::nullopt : std::optional{found->first};
}

// Relative to Asterisk's folder of sounds, without a file extension: every part begins with a letter or digit, so that
// none leads upwards and none is hidden.
bool is_sound_name(const std::string& name) {
    if (!consists_of(name, "0-9A-Za-z_/-", longest_prompt))
        return false;
    char before = '/';
    for (const char c : name) {
        if (before == '/' && !consists_of({&c, 1}, "0-9A-Za-z", 1))
            return false;
        before = c;
    }
    return before != '/';
}

} // namespace

const char* word_of(ConsentMode mode) {
    return words.at(static_cast<std::size_t>(mode)).second;
}

bool has_notice(ConsentMode mode) {
    return mode != ConsentMode::none && mode != ConsentMode::external;
}

std::string consent_fault(const std::string& mode) {
    if (mode_in(mode))
        return {};
    return fmt::format(
        "{} is not none, external, announcement, opt_out or opt_in; calls are recorded only with consent",
        in_quotes(mode));
}

ConsentMode consent_value(const std::string& mode) {
    return mode_in(mode).value_or(ConsentMode::opt_in);
}

std::string prompt_fault(const std::string& prompt) {
    if (is_unset(prompt))
        return {};
    if (const auto name = text_in(prompt); name && is_sound_name(*name))
        return {};
    return fmt::format("{} is not the name of a sound: letters, digits, _ - and / between folders, without the file's "
                       "extension; the notice of this suite is played",
                       in_quotes(prompt));
}

std::string prompt_value(const std::string& prompt) {
    return is_unset(prompt) || !prompt_fault(prompt).empty() ? std::string{} : *text_in(prompt);
}

} // namespace pbx::dialplan
