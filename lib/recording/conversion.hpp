// A recording in another encoding, or one of its channels.
#pragma once

#include "audio/channel.hpp"
#include "audio/encode.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/progress.hpp"

#include <string>

namespace pbx::recording {

struct Conversion {
    audio::Encoding encoding = audio::Encoding::wav;
    audio::Channel channel = audio::Channel::both;

    /// Whether the result is something else than the recording's own bytes.
    bool changes() const { return encoding != audio::Encoding::wav || channel != audio::Channel::both; }
};

/// The recording was found, and does not have the channel that is wanted; nor does another copy of it.
class NoSuchChannel : public Error {
  public:
    using Error::Error;
};

/// Converts the recording in the open file `wav`. Returns a file without a name, or `wav` itself where nothing changes.
/// `progress`, if it is not null, counts the samples that are encoded. Throws NoSuchChannel (no_input); Error: data,
/// cant_create.
Fd convert(Fd wav, const Conversion& conversion, const std::string& what, Progress* progress);

} // namespace pbx::recording
