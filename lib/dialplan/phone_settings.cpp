// A fault must not disable the organization's phones: they keep what they have without the setting.
#include "dialplan/phone_settings.hpp"

#include "dialplan/fault.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

namespace pbx::dialplan {

namespace {

using Names = std::vector<std::string>;

// Codecs of which Asterisk can make the samples that it records, where the module for it is installed.
constexpr std::array known_codecs{"ulaw", "alaw", "g722", "opus", "gsm", "ilbc", "g729"};
constexpr int most_contacts = 32;
constexpr const char* usual_codecs = "ulaw,alaw";

bool is_unset(const std::string& json) {
    return json.empty() || json == "null";
}

bool is_known(const std::string& name) {
    return std::find(known_codecs.begin(), known_codecs.end(), name) != known_codecs.end();
}

Names names_between_commas(const std::string& text) {
    Names names;
    std::istringstream rest{text};
    for (std::string name; std::getline(rest >> std::ws, name, ',');)
        names.push_back(name);
    return names;
}

// "alaw, ulaw" as a JSON text, or ["alaw", "ulaw"]; nothing for another value.
std::optional<Names> names_in(const std::string& codecs) {
    const auto json = nlohmann::json::parse(codecs, nullptr, false);
    if (json.is_string())
        return names_between_commas(json.get<std::string>());
    if (!json.is_array() || !std::all_of(json.begin(), json.end(), [](const auto& each) { return each.is_string(); }))
        return std::nullopt;
    return json.get<Names>();
}

} // namespace

std::string contacts_fault(const std::string& contacts) {
    const bool is_number = consists_of(contacts, "0123456789", 2) && contacts.front() != '0';
    if (is_unset(contacts) || (is_number && std::stoi(contacts) <= most_contacts))
        return {};
    return fmt::format("{} is not a whole number from 1 to {}; a phone registers with one device", in_quotes(contacts),
                       most_contacts);
}

int contacts_value(const std::string& contacts) {
    return is_unset(contacts) || !contacts_fault(contacts).empty() ? 1 : std::stoi(contacts);
}

std::string codecs_fault(const std::string& codecs) {
    if (is_unset(codecs))
        return {};
    const auto names = names_in(codecs);
    const bool all_known = names && !names->empty() && std::all_of(names->begin(), names->end(), is_known);
    if (all_known && std::set<std::string>{names->begin(), names->end()}.size() == names->size())
        return {};
    return fmt::format("{} is not a list of different codecs out of {}; phones and trunks use {}", in_quotes(codecs),
                       fmt::join(known_codecs, ", "), usual_codecs);
}

std::string codecs_value(const std::string& codecs) {
    return is_unset(codecs) || !codecs_fault(codecs).empty() ? usual_codecs
                                                             : fmt::format("{}", fmt::join(*names_in(codecs), ","));
}

} // namespace pbx::dialplan
