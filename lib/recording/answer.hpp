// Where a requested recording goes. The tiers (fetch_tiers.hpp) find it, and give it to an Answer.
#pragma once

#include "audio/wav_header.hpp"
#include "base/content.hpp"
#include "cdr/legs.hpp"
#include "recording/local_legs.hpp"
#include "recording/part.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::recording {

/// What is known of a recording before its bytes are.
struct AnswerHeaders {
    std::uint64_t length = 0; ///< bytes
    std::size_t legs = 0;     ///< with audio in what is served
    std::string source;       ///< X-Recording-Source
    std::size_t missing = 0;  ///< legs that should be in it, and are missing or unreadable
    Content content{};        ///< hashes of the recording, as far as they are known
    std::optional<FileTime> modified{};
    std::optional<audio::WavHeader> wav{}; ///< of a recording in the archive
    bool without_manifest = false;         ///< another program stitched it: nothing confirms of which legs
};

class Answer {
  public:
    Answer() = default;
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;
    virtual ~Answer() = default;

    /// The call was found, and may be served.
    virtual void found(const cdr::Call& call);

    /// Whether begin() may want less than the whole recording. What the archive has is then only read as far as it is
    /// wanted.
    virtual bool may_want_part() const = 0;

    /// A recording was found. Returns the part of it that must be added before finish(). Throws Error (cant_create),
    /// ReaderGone.
    virtual Part begin(const AnswerHeaders& headers) = 0;
    virtual void add(std::string_view data) = 0;
    /// Adds `length` bytes of an open file.
    virtual void add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) = 0;
    /// Everything that was wanted has been added, and is what it should be. Throws NoSuchChannel (no_input;
    /// conversion.hpp); Error: data, cant_create; ReaderGone.
    virtual void finish() = 0;

    /// begin(), add() and finish() for an open file.
    virtual void send_file(AnswerHeaders headers, int file, const std::string& what);

    /// Forgets what was added, so that another recording can be served. False when some of it has been sent already.
    virtual bool discard() = 0;
};

} // namespace pbx::recording
