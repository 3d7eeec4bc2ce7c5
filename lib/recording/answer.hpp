// Where a recording goes that somebody asked for: stdout or a file, with its headers.
#pragma once

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
};

struct AnswerHeaders {
    std::optional<std::uint64_t> length; ///< of the body, in bytes
    std::size_t legs = 0;                ///< with audio in what is served
    std::string source;
    std::size_t missing = 0; ///< legs that should be in it and are not
};

class Answer {
  public:
    /// Throws Error (usage) when the body would go to a terminal.
    explicit Answer(AnswerOptions options);

    /// The body that follows is a WAV file; where another encoding is asked for it is encoded when it is whole. Writes
    /// the headers, and whatever opens the body's way. Nothing goes out before. Throws Error (cant_create), ReaderGone.
    void begin(const AnswerHeaders& headers);
    void add(std::string_view data) const;
    /// The next `length` bytes come from an open file.
    void add(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what) const;
    /// The body is whole: a file gets its name.
    void finish();

    /// Takes back what was written; false when some of it is out already.
    bool take_back();

  private:
    void open(const AnswerHeaders& headers, const char* content_type);

    AnswerOptions options_;
    std::optional<Folder> folder_;
    std::optional<AtomicFile> file_;
    Fd wav_; ///< collects what is to be encoded
    AnswerHeaders headers_;
    Fd special_; ///< an --output that is no regular file
    int fd_ = -1;
    bool begun_ = false;
};

} // namespace pbx::recording
