// One leg as it is, from the spool, the cache or the archive.
#include "audio/leg_audio.hpp"
#include "recording/build.hpp"
#include "recording/fetch_tiers.hpp"
#include "recording/send_object.hpp"
#include "remote/query.hpp"

#include <unistd.h>

namespace pbx::recording {

namespace {

void send_local_leg(FetchWork& work, const cdr::Call& call, const std::string& name, const Fd& file) {
    const auto what = "leg " + name;
    const auto size = size_of(file.get(), what);
    const audio::LegAudio leg{Fd{::dup(file.get())}, what};
    if (leg.frames() == 0)
        throw no_audio(call);
    work.answer.begin({size, 1, "leg-local", 0});
    work.answer.add(file.get(), 0, size, what);
    work.answer.finish();
}

// Serves any WAV file that has more than a header.
std::optional<ServedObject> decide_on_leg(const cdr::Call& call, const std::string& name, std::string_view beginning,
                                          bool is_all) {
    try {
        const auto header = audio::parse_wav_header(beginning);
        const bool has_audio = header && beginning.size() > header->data_offset;
        if (!has_audio && !is_all)
            return std::nullopt;
        if (!header)
            throw Error{Exit::data, "not a WAV file: it has no data chunk"};
        if (!has_audio)
            throw no_audio(call);
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        throw Error{Exit::data, "leg " + name + " in the archive: " + error.what()};
    }
    return ServedObject{{std::nullopt, 1, "leg-remote", 0}, 0, {}};
}

Error not_found(const cdr::Call& call, const std::string& name) {
    return {Exit::no_input,
            "leg " + name + " of call " + display_name(call) + " is neither in the spool nor in the archive",
            other_nodes_are_done(call) ? "pbx-archive audit lists every recording that is missing"
                                       : "another node may still bring it: try again in an hour"};
}

} // namespace

void serve_leg(FetchWork& work, const cdr::Call& call, const std::string& name) {
    require_own_leg(call, name);
    if (const auto file = work.sources.local().find(name)) {
        send_local_leg(work, call, name, *file);
        return;
    }
    if (work.sources.archive() == nullptr)
        throw Error{Exit::no_input, "leg " + name + " of call " + display_name(call) + " is not in the spool",
                    "legs leave for the archive every hour: set --remote or PBX_REMOTE"};
    const auto object = find_object(*work.sources.archive(), Shelf::legs, name, work.deadline);
    if (!object)
        throw not_found(call, name);
    send_object(work, Shelf::legs, name, *object,
                [&](std::string_view beginning, bool is_all) { return decide_on_leg(call, name, beginning, is_all); });
}

} // namespace pbx::recording
