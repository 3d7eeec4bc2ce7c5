#include "listening/player_page.hpp"

#include "base/moment.hpp"
#include "listening/chapters.hpp"
#include "listening/percent.hpp"
#include "listening/player_script.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <string>

namespace pbx::listening {

namespace {

// URLs of the page's parts, relative to the page, with what permits it.
class Urls {
  public:
    explicit Urls(const Request& request) : path_{"./" + percent_encoded(request.call) + "/"} {
        for (const char* name :
             {"account", "leg", "name", "expires", "may", "key", "signature", "channel", "format", "overlap"})
            if (const auto& value = request.parameter(name); !value.empty() || request.parameters.contains(name))
                set(name, value);
    }

    void set(const std::string& name, const std::string& value) {
        query_ += (query_.empty() ? "?" : "&") + name + (value.empty() ? "" : "=" + percent_encoded(value));
    }
    std::string of(const std::string& part, const std::string& fragment = {}) const {
        return escaped(path_ + part + query_ + fragment);
    }

  private:
    std::string path_;
    std::string query_;
};

// A browser decodes PCM, and hardly anything else that Asterisk records.
bool needs_conversion(const Request& request, const audio::WavHeader& wav) {
    return request.parameter("format").empty() && wav.format.tag != audio::WavFormat::pcm;
}

std::string consent_words(const std::string& consent) {
    return consent.empty() ? "" : "; consent: " + consent;
}

// "2026-04-18 14:40:05 UTC"
std::string moment_words(std::chrono::sys_seconds time) {
    auto text = utc_time(time);
    text.replace(text.find('T'), 1, " ");
    text.replace(text.find('Z'), 1, " UTC");
    return text;
}

std::string facts(const PlayedCall& played, double seconds) {
    const auto legs = played.recording.legs;
    auto text = fmt::format("Began {}; {} in {} {}{}", moment_words(played.call.started), clock_text(seconds), legs,
                            legs == 1 ? "leg" : "legs", consent_words(played.call.consent));
    if (played.recording.missing > 0)
        text += fmt::format("; {} missing", played.recording.missing);
    return "<p class=\"facts\">" + escaped(text) + ".</p>\n";
}

std::string without_extension(const std::string& name) {
    return name.ends_with(".wav") ? name.substr(0, name.size() - 4) : name;
}

std::string chapter_list(const std::vector<Chapter>& chapters, const Urls& urls) {
    std::string list = "<h2 id=\"legs\">Legs</h2>\n<ol aria-labelledby=\"legs\">\n";
    for (const auto& chapter : chapters)
        list +=
            fmt::format("<li data-start=\"{:.3f}\"><a href=\"{}\">{}</a> <span>{} to {}</span></li>\n", chapter.start,
                        urls.of("recording", fmt::format("#t={:.3f}", chapter.start)),
                        escaped(without_extension(chapter.name)), clock_text(chapter.start), clock_text(chapter.end));
    return list + "</ol>\n";
}

std::string pause_list(const std::vector<PauseMark>& pauses) {
    if (pauses.empty())
        return {};
    std::string list = "<h2 id=\"pauses\">Pauses</h2>\n<p>Nothing was recorded at these times of the call; a dashed "
                       "line marks each in the waveform.</p>\n<ul aria-labelledby=\"pauses\">\n";
    for (const auto& pause : pauses)
        list += fmt::format("<li{}>{}</li>\n", pause.at ? fmt::format(" data-mark=\"{:.3f}\"", *pause.at) : "",
                            escaped(pause.text));
    return list + "</ul>\n";
}

std::string waveform(const Urls& urls) {
    return fmt::format(
        "<div class=\"wave\" role=\"slider\" tabindex=\"0\" aria-label=\"Position in the recording\" "
        "aria-valuemin=\"0\" aria-valuemax=\"0\" aria-valuenow=\"0\" aria-describedby=\"keys\" data-peaks=\"{}\" "
        "data-script hidden>\n<canvas aria-hidden=\"true\"></canvas>\n<span class=\"lane\" hidden>Caller</span>\n"
        "<span class=\"lane\" hidden>Called</span>\n</div>\n",
        urls.of("peaks"));
}

constexpr const char* tools = R"(<div class="tools" data-script hidden>
<button id="back" type="button">Back 10 s</button>
<button id="play" type="button">Play</button>
<button id="forward" type="button">Forward 10 s</button>
<label>Speed <select id="speed"><option value="0.5">0.5</option><option value="0.75">0.75</option><option value="1" selected>1</option><option value="1.25">1.25</option><option value="1.5">1.5</option><option value="2">2</option></select></label>
</div>
<p class="keys" id="keys" data-script hidden>Keys in the waveform: space plays and pauses, the arrows skip 5 seconds, Page Up and Page Down go to the leg before and after, Home and End to the beginning and the end.</p>
<p role="alert"></p>
)";

std::string download_link(const Urls& urls, Grant grant) {
    if (grant != Grant::download)
        return {};
    auto download = urls;
    download.set("download", "");
    return fmt::format("<p><a href=\"{}\" download>Download the recording</a></p>\n", download.of("recording"));
}

std::string name_of_leg(const Request& request, const cdr::Call& call) {
    const auto& text = request.parameter("leg");
    std::size_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return call.legs.at(number > 0 && number <= call.legs.size() ? number - 1 : 0);
}

} // namespace

Page player_page(const Request& request, Grant grant, const PlayedCall& played) {
    const auto wav = played.recording.wav.value_or(audio::WavHeader{});
    const auto chapters =
        chapters_of(wav, played.recording.without_manifest ? "Whole call" : name_of_leg(request, played.call));
    Urls urls{request};
    if (needs_conversion(request, wav))
        urls.set("format", "flac");
    const auto seconds = chapters.empty() ? 0 : chapters.back().end;
    const auto title = "Call " + request.call;
    const auto audio = fmt::format("<audio controls preload=\"metadata\" src=\"{0}\" aria-label=\"Recording of the "
                                   "call\"><a href=\"{0}\">The recording</a></audio>\n",
                                   urls.of("recording"));
    return make_page(title,
                     "<h1>" + escaped(title) + "</h1>\n" + facts(played, seconds) + waveform(urls) + audio + tools +
                         chapter_list(chapters, urls) + pause_list(pauses_of(played.call, chapters)) +
                         download_link(urls, grant),
                     player_script);
}

} // namespace pbx::listening
