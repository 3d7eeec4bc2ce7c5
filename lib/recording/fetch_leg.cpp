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
    work.facts.close();
    work.answer.begin({size, 1, "leg-local", 0});
    work.answer.add(file.get(), 0, size, what);
    work.answer.finish();
}

// Ends the stream of a leg whose header cannot be read.
struct NotAWav {
    std::string reason;
};

// Serves any WAV file that has more than a header. Throws NotAWav.
std::optional<ServedObject> decide_on_leg(const cdr::Call& call, std::string_view beginning, bool is_all) {
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
        throw NotAWav{error.what()};
    }
    return ServedObject{{std::nullopt, 1, "leg-remote", 0}, 0, {}};
}

Error not_found(const cdr::Call& call, const std::string& name) {
    return {Exit::no_input,
            "leg " + name + " of call " + display_name(call) + " is neither in the spool nor in the archive",
            other_nodes_are_done(call) ? "pbx-archive audit lists every recording that is missing"
                                       : "another node may still bring it: try again in an hour"};
}

// What the remote itself reports about a leg without facts.
Content ask_for_leg(FetchWork& work, const cdr::Call& call, const std::string& name) {
    const auto object = find_object(*work.sources.archive(), Shelf::legs, name, work.deadline);
    if (!object)
        throw not_found(call, name);
    return {object->size, object->md5, {}};
}

} // namespace

std::optional<Fd> find_leg_here(FetchWork& work, const std::string& name) {
    auto legs = work.sources.local().find_in_spool({name});
    if (legs.front().place == LocatedLeg::Place::elsewhere && work.sources.local().has(name))
        work.sources.find_in_caches(legs, work.facts.of_legs());
    return LocalLegs::open(legs.front());
}

Exit serve_leg(FetchWork& work, const cdr::Call& call, const std::string& name) {
    require_own_leg(call, name);
    const auto woven = work.sources.weave_halves({name});
    work.facts.expect({}, {name});
    if (const auto file = find_leg_here(work, name)) {
        send_local_leg(work, call, name, *file);
        return woven;
    }
    if (work.sources.archive() == nullptr)
        throw Error{Exit::no_input, "leg " + name + " of call " + display_name(call) + " is not in the spool",
                    "legs leave for the archive every hour: set --remote or PBX_REMOTE"};
    const auto known = work.facts.of_legs().find(name);
    const bool is_known = known != work.facts.of_legs().end();
    const auto expected = is_known ? known->second : ask_for_leg(work, call, name);
    try {
        if (!send_object(work, Shelf::legs, name, expected, [&](std::string_view beginning, bool is_all) {
                return decide_on_leg(call, beginning, is_all);
            }))
            throw not_found(call, name);
    } catch (const NotAWav& fault) {
        if (is_known)
            require_undamaged(work, Shelf::legs, name, expected);
        throw Error{Exit::data, "leg " + name + " in the archive: " + fault.reason};
    }
    return woven;
}

} // namespace pbx::recording
