// A leg by its file name. A crash of Asterisk or of the database takes the rows of a call and leaves its legs.
#include "audio/leg_audio.hpp"
#include "base/name.hpp"
#include "cdr/leg_owner.hpp"
#include "recording/fetch_tiers.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace pbx::recording {

namespace {

Absent no_such_leg(const std::string& name) {
    return {"no-such-leg", "no recorded leg \"" + shown(name) + "\"",
            "pbx-archive audit lists the recordings that no call names"};
}

// What Asterisk would have written at the end of the recording stands in front of the same audio.
void send_repaired(FetchWork& work, const std::string& name, const Fd& file, const char* source) {
    const auto what = "leg " + name;
    const audio::LegAudio leg{Fd{::dup(file.get())}, what};
    if (leg.frames() == 0)
        throw Absent{"empty", what + " has no audio"};
    if (!leg.unfinished() && !leg.truncated())
        return work.answer.send_file({size_of(file.get(), what), 1, source}, file.get(), what);
    const auto header = audio::make_wav_header(leg.format(), leg.info(), leg.data_bytes());
    work.answer.begin({header.size() + leg.data_bytes(), 1, source});
    work.answer.add(header);
    work.answer.add(leg.fd(), leg.data_offset(), leg.data_bytes(), what);
    work.answer.finish();
}

// Perhaps it lies in a folder that cannot be read.
[[noreturn]] void throw_absent(const std::optional<Error>& unread, const Absent& absent) {
    if (unread)
        throw Error{*unread};
    throw Absent{absent};
}

// Through the cache, because the header of a stream cannot be repaired before the length of its audio is known.
Exit serve_nameless_leg(FetchWork& work, const std::string& name) {
    const auto woven = work.sources.weave_halves({name});
    std::optional<Error> unread;
    const auto days = work.sources.local().all_days([&](const Error& error) { unread = error; });
    work.facts.expect({}, {name});
    if (const auto file = find_leg_here(work, name, days)) {
        send_repaired(work, name, *file, "leg-local");
        return woven;
    }
    if (work.sources.archive() == nullptr)
        throw_absent(unread, not_here("leg " + shown(name) + " is not in the spool"));
    if (!can_be_archived(name))
        throw_absent(unread, no_such_leg(name));
    const auto fetched = work.sources.bring_back({name}, work.facts.of_legs(), work.deadline);
    throw_first(fetched.failures);
    throw_first(fetched.damaged);
    const auto file = find_leg_here(work, name, {});
    if (!file)
        throw_absent(unread, no_such_leg(name));
    send_repaired(work, name, *file, "leg-remote");
    return worst(woven, work.status());
}

} // namespace

Exit serve_file(FetchWork& work) {
    const auto& options = work.options;
    require_safe_name(options.file, "leg");
    const auto owner = cdr::find_owner(work.facts.session(), options.places.naming(), options.file, options.account);
    if (options.account && !(owner && owner->is_of_account))
        throw no_such_leg(options.file);
    if (!owner)
        return serve_nameless_leg(work, options.file);
    return serve_leg(work, owner->call, options.file);
}

} // namespace pbx::recording
