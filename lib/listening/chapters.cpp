// A pause is stored in seconds into the call, and the recording has no silence in its place. The names of legs begin
// with the second in which they began.
#include "listening/chapters.hpp"

#include "audio/manifest.hpp"
#include "base/error.hpp"
#include "base/moment.hpp"
#include "cdr/pauses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace pbx::listening {

namespace {

double seconds_of(audio::Frames frames, const audio::WavHeader& recording) {
    return static_cast<double>(frames) / recording.format.rate;
}

double seconds_of(std::chrono::seconds time) {
    return static_cast<double>(time.count());
}

audio::Frames frames_of(const audio::WavHeader& recording) {
    const auto& format = recording.format;
    const auto blocks = recording.data_size / std::max<std::uint64_t>(format.block, 1);
    return format.tag == audio::WavFormat::gsm ? blocks * audio::gsm_block_frames : blocks;
}

// "20260418-144004-..." in UTC.
std::optional<std::chrono::sys_seconds> start_of(const std::string& leg) {
    constexpr std::size_t stamp = 15;
    if (leg.size() < stamp || leg[8] != '-')
        return std::nullopt;
    const auto iso = fmt::format("{}-{}-{}T{}:{}:{}Z", leg.substr(0, 4), leg.substr(4, 2), leg.substr(6, 2),
                                 leg.substr(9, 2), leg.substr(11, 2), leg.substr(13, 2));
    try {
        return parse_time(iso, {});
    } catch (const Error&) {
        return std::nullopt;
    }
}

// Where in the recording a pause began whose leg lacks `earlier` seconds of pauses before it.
std::optional<double> place_of(std::chrono::sys_seconds moment, const std::vector<Chapter>& chapters,
                               const std::vector<std::pair<std::chrono::sys_seconds, double>>& earlier) {
    for (auto number = chapters.size(); number > 0; --number) {
        const auto& chapter = chapters[number - 1];
        const auto start = start_of(chapter.name);
        if (!start)
            return std::nullopt;
        if (*start > moment)
            continue;
        auto into = std::chrono::duration<double>{moment - *start}.count();
        for (const auto& [from, length] : earlier)
            if (from >= *start)
                into -= length;
        return std::clamp(chapter.start + into, chapter.start, chapter.end);
    }
    return std::nullopt;
}

} // namespace

std::string clock_text(double seconds) {
    const auto whole = static_cast<long>(seconds);
    if (whole >= 3600)
        return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
    return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::vector<Chapter> chapters_of(const audio::WavHeader& recording, const std::string& leg) {
    const auto manifest = audio::Manifest::from(recording);
    if (!manifest)
        return {{leg, 0, seconds_of(frames_of(recording), recording)}};
    std::vector<Chapter> chapters;
    for (const auto& each : manifest->legs)
        chapters.push_back(
            {each.name, seconds_of(each.start, recording), seconds_of(each.start + each.frames, recording)});
    return chapters;
}

std::vector<PauseMark> pauses_of(const cdr::Call& call, const std::vector<Chapter>& chapters) {
    std::vector<PauseMark> marks;
    std::vector<std::pair<std::chrono::sys_seconds, double>> earlier;
    for (const auto& pause : cdr::parse_pauses(call.paused)) {
        const auto until = pause.until ? clock_text(seconds_of(*pause.until)) : "the end of the call";
        const auto moment = call.started + pause.from;
        marks.push_back({clock_text(seconds_of(pause.from)) + " to " + until, place_of(moment, chapters, earlier)});
        if (pause.until)
            earlier.emplace_back(moment, seconds_of(*pause.until - pause.from));
    }
    return marks;
}

} // namespace pbx::listening
