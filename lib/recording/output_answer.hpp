// A recording on stdout or in a file, with its headers: the answer of pbx-recording-fetch.
#pragma once

#include "base/atomic_file.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "recording/answer.hpp"
#include "recording/conversion.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace pbx::recording {

struct OutputOptions {
    std::string output;       ///< a file that appears whole or not at all; empty: stdout
    bool include = false;     ///< headers and a blank line before the body
    std::string headers_file; ///< headers into this file; "-": headers and a blank line to stdout
    Conversion conversion;
};

/// The mode of a file with a recording: not everybody may hear it, whatever the umask allows; a stricter umask is kept.
mode_t private_mode();

/// A recording that is to be converted is collected, converted and sent by finish(); nothing is sent before.
class OutputAnswer : public Answer {
  public:
    /// An output such as /dev/stdout or /dev/fd/3 is that descriptor of this process; another one that is not a regular
    /// file (a pipe, a device) is written into. Throws Error: usage when the body would go to a terminal, cant_create.
    explicit OutputAnswer(OutputOptions options);

    bool may_want_part() const override { return false; }
    Part begin(const AnswerHeaders& headers) override;
    void add(std::string_view data) override;
    void add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) override;
    /// A file gets its name.
    void finish() override;
    bool discard() override;

  private:
    void send_converted();
    void send_headers(const AnswerHeaders& headers, const char* content_type);
    void write_headers_apart() const;
    void open_output();
    void open_file();

    OutputOptions options_;
    Fd direct_; ///< an output that is not a file to be made: our own descriptor, a pipe, a device
    std::optional<Folder> folder_;
    std::optional<AtomicFile> file_;
    Fd wav_; ///< collects what is converted
    AnswerHeaders headers_;
    std::string header_text_;
    int fd_ = -1;
    bool has_begun_ = false;
};

} // namespace pbx::recording
