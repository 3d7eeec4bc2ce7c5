// Where a requested recording goes: stdout or a file, with its headers.
#pragma once

#include "audio/channel.hpp"
#include "audio/encode.hpp"
#include "base/atomic_file.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::recording {

struct AnswerOptions {
    std::string output;       ///< a file that appears whole or not at all; empty: stdout
    bool include = false;     ///< headers and a blank line before the body
    std::string headers_file; ///< headers into this file
    audio::Encoding encoding = audio::Encoding::wav;
    audio::Channel channel = audio::Channel::both;

    /// Whether the body is something else than the recording's own bytes.
    bool changes_body() const { return encoding != audio::Encoding::wav || channel != audio::Channel::both; }
};

struct AnswerHeaders {
    std::optional<std::uint64_t> length; ///< of the body, in bytes
    std::size_t legs = 0;                ///< with audio in what is served
    std::string source;                  ///< X-Recording-Source
    std::size_t missing = 0;             ///< legs that should be in it and are not
};

class Answer {
  public:
    /// An output such as /dev/stdout or /dev/fd/3 is that descriptor of this process; another one that is not a regular
    /// file (a pipe, a device) is written into. Throws Error: usage when the body would go to a terminal, cant_create.
    explicit Answer(AnswerOptions options);

    /// The body that follows is a WAV file. Where another encoding or a channel is wanted, it is collected, changed,
    /// and sent by finish(). Nothing is sent before. Throws Error (cant_create), ReaderGone.
    void begin(const AnswerHeaders& headers);
    void add(std::string_view data) const;
    /// Adds `length` bytes of an open file.
    void add(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what) const;
    /// The body is complete: a file gets its name. Throws Error: no_input when the recording does not have the channel
    /// that is wanted; data, cant_create; ReaderGone.
    void finish();

    /// Forgets what was written, so that another recording can be served. False when some of it has been sent already.
    bool discard();

  private:
    void send_changed();
    void send_headers(const AnswerHeaders& headers, const char* content_type);
    void open_output();
    void open_file();

    AnswerOptions options_;
    Fd direct_; ///< an output that is not a file to be made: our own descriptor, a pipe, a device
    std::optional<Folder> folder_;
    std::optional<AtomicFile> file_;
    Fd wav_; ///< collects the body that finish() changes
    AnswerHeaders headers_;
    int fd_ = -1;
    bool has_begun_ = false;
};

} // namespace pbx::recording
