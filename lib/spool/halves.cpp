// A leg is found by its first file, so that a folder of any size needs no memory.
#include "spool/halves.hpp"

#include "base/error.hpp"
#include "base/name.hpp"
#include "spool/removal.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace pbx::spool {

namespace {

constexpr const char* folder_name = "halves"; // the dialplan has the same: lib/dialplan/recorder.hpp

struct Ending {
    std::string_view text;
    Side side;
};

// Longer endings first.
constexpr std::array endings{Ending{".caller.wav16", Side::caller}, Ending{".called.wav16", Side::called},
                             Ending{".caller.wav", Side::caller}, Ending{".called.wav", Side::called},
                             Ending{".wav16", Side::whole}};

constexpr std::string_view leg_ending = ".wav";

// The leg that a file belongs to; empty when it is not one of ours.
std::string leg_of(const std::string& file) {
    const auto* const ending = std::find_if(endings.begin(), endings.end(), [&](const Ending& each) {
        return file.size() > each.text.size() && file.ends_with(each.text);
    });
    if (ending == endings.end() || !name_fault(file).empty())
        return {};
    return file.substr(0, file.size() - ending->text.size()) + std::string{leg_ending};
}

// The name of the leg's file with this ending. "a.caller.wav16" belongs to "a.wav", and not to "a.caller.wav".
std::optional<std::string> file_name(const std::string& leg, std::string_view ending) {
    if (leg.size() <= leg_ending.size() || !leg.ends_with(leg_ending))
        return std::nullopt;
    auto name = leg.substr(0, leg.size() - leg_ending.size()) + std::string{ending};
    return leg_of(name) == leg ? std::optional{std::move(name)} : std::nullopt;
}

std::optional<Half> find_file(const Folder& folder, const std::string& leg, std::string_view ending) {
    auto name = file_name(leg, ending);
    const auto found = name ? folder.look(*name) : std::nullopt;
    return found ? std::optional{Half{*std::move(name), *found}} : std::nullopt;
}

} // namespace

const char* name_of(Side side) {
    switch (side) {
    case Side::caller:
        return "caller";
    case Side::called:
        return "called";
    case Side::whole:
        break;
    }
    return "";
}

std::optional<HalvesFolder> HalvesFolder::find(const Folder& spool) {
    auto folder = spool.find_folder(folder_name);
    if (!folder)
        return std::nullopt;
    return HalvesFolder{*std::move(folder)};
}

void HalvesFolder::for_each_leg(const std::function<void(const std::string& leg)>& each,
                                const std::function<void(const std::string& name)>& other) const {
    folder_.for_each_name([&](const std::string& name) {
        if (name.front() == '.')
            return;
        const auto leg = leg_of(name);
        if (leg.empty()) {
            other(name);
            return;
        }
        // Of several files the one whose ending comes first stands for the leg.
        const auto* const first = std::find_if(endings.begin(), endings.end(), [&](const Ending& ending) {
            return find_file(folder_, leg, ending.text).has_value();
        });
        if (first != endings.end() && name.ends_with(first->text))
            each(leg);
    });
}

Halves HalvesFolder::find_halves(const std::string& leg) const {
    Halves halves;
    for (const auto& ending : endings) {
        auto half = find_file(folder_, leg, ending.text);
        if (half && !halves.emplace(ending.side, *std::move(half)).second)
            throw Error{Exit::data, folder_.path_of(leg) + " has two recordings of one side",
                        "listen to them, and move one of them away"};
    }
    if (halves.size() > 1 && halves.contains(Side::whole))
        throw Error{Exit::data, folder_.path_of(leg) + " has a recording of both sides, and one of a side alone",
                    "listen to them, and move one of them away"};
    return halves;
}

bool HalvesFolder::has(const std::string& leg) const {
    return std::any_of(endings.begin(), endings.end(), [&](const Ending& ending) {
        const auto name = file_name(leg, ending.text);
        return name && (folder_.look(*name) || folder_.look(hidden_name(*name)));
    });
}

} // namespace pbx::spool
