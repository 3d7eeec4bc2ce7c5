// One leg as it is, from the spool, the cache or the archive.
#include "audio/leg_audio.hpp"
#include "base/lease.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "recording/build.hpp"
#include "recording/fetch_tiers.hpp"
#include "recording/send_object.hpp"
#include "remote/query.hpp"

#include <unistd.h>

#include <algorithm>

namespace pbx::recording {

namespace {

void send_leg_file(FetchWork& work, const cdr::Call& call, const std::string& name, const Fd& file,
                   const char* source) {
    const auto what = "leg " + name;
    const auto size = size_of(file.get(), what);
    const audio::LegAudio leg{Fd{::dup(file.get())}, what};
    if (leg.frames() == 0)
        throw no_audio(call);
    if (leg.truncated()) {
        log::error({Exit::data, what + " is shorter than its header states; the audio that is there is served"});
        work.found = Exit::data;
    }
    work.facts.close();
    work.answer.send_file({size, 1, source}, file.get(), what);
}

// Ends the stream of a leg whose header cannot be read.
struct NotAWav {
    std::string reason;
};

// Serves any WAV file that has more than a header. Throws NotAWav.
std::optional<ServedObject> decide_on_leg(FetchWork& work, const cdr::Call& call, const std::string& name,
                                          std::string_view beginning, bool is_all) {
    std::optional<audio::WavHeader> header;
    try {
        header = audio::parse_wav_header(beginning);
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
    AnswerHeaders headers{0, 1, "leg-remote"};
    headers.modified = work.facts.archived_at(name);
    return ServedObject{std::move(headers), 0, {}, *std::move(header)};
}

Absent not_found(const cdr::Call& call, const std::string& name) {
    return {"missing", "leg " + name + " of call " + display_name(call) + " is neither in the spool nor in the archive",
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

// Streams the leg from the archive.
void send_leg_object(FetchWork& work, const cdr::Call& call, const std::string& name) {
    const auto known = work.facts.of_legs().find(name);
    const bool is_known = known != work.facts.of_legs().end();
    const auto expected = is_known ? known->second : ask_for_leg(work, call, name);
    try {
        if (!send_object(work, Shelf::legs, name, expected, [&](std::string_view beginning, bool is_all) {
                return decide_on_leg(work, call, name, beginning, is_all);
            }))
            throw not_found(call, name);
    } catch (const NotAWav& fault) {
        if (is_known)
            require_undamaged(work, Shelf::legs, name, expected);
        throw Error{Exit::data, "leg " + name + " in the archive: " + fault.reason};
    }
}

void send_leg_ahead(FetchWork& work, const cdr::Call& call, const std::string& name) {
    const auto file = work.ahead->legs.open(name);
    if (!file)
        throw not_found(call, name);
    send_leg_file(work, call, name, *file, "leg-remote");
}

} // namespace

bool set_aside_others(FetchWork& work, std::vector<LocatedLeg>& legs) {
    const bool is_any_in_spool = std::any_of(
        legs.begin(), legs.end(), [](const LocatedLeg& leg) { return leg.place == LocatedLeg::Place::spool; });
    if (!is_any_in_spool)
        return false;
    const auto others = work.sources.set_aside_others(legs, work.facts.of_legs());
    for (const auto& [name, error] : others)
        if (work.others.insert(name).second)
            log::error(error);
    return !others.empty();
}

std::optional<Fd> find_leg_here(FetchWork& work, const std::string& name, const std::vector<spool::Day>& days,
                                const spool::Day& named) {
    std::vector legs{work.sources.local().find_in_spool(name, days, named)};
    set_aside_others(work, legs);
    const auto& leg = legs.front();
    if (leg.place == LocatedLeg::Place::elsewhere && work.sources.local().has(name))
        work.sources.find_in_caches(legs, work.facts.of_legs());
    auto file = LocalLegs::open(leg);
    if (file && leg.place == LocatedLeg::Place::spool && ReadLease{file->get()}.writer() == Writer::some)
        throw Error{Exit::temporary, "leg " + shown(name) + " is still being recorded",
                    "try again when the call has ended"};
    return file;
}

Exit serve_leg(FetchWork& work, const cdr::Call& call, const std::string& name) {
    require_own_leg(call, name);
    const auto woven = weave(work, {name});
    work.facts.expect({}, {name});
    const auto& local = work.sources.local();
    if (const auto file = find_leg_here(work, name, local.days_of(call, name), LocalLegs::named_day(call, name))) {
        send_leg_file(work, call, name, *file, "leg-local");
        return worst(woven, work.status());
    }
    if (work.sources.archive() == nullptr)
        throw not_here("leg " + name + " of call " + display_name(call) + " is not in the spool");
    if (work.ahead != nullptr && work.ahead->legs.asked.contains(name))
        send_leg_ahead(work, call, name);
    else
        send_leg_object(work, call, name);
    return worst(woven, work.status());
}

} // namespace pbx::recording
