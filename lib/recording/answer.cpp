// Headers in the way of HTTP, bodies in the way of Unix.
#include "recording/answer.hpp"

#include "base/error.hpp"
#include "base/words.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

namespace pbx::recording {

namespace {

// A recording is not everybody's, whatever the umask allows; a stricter umask holds.
mode_t private_mode() {
    const auto mask = ::umask(0);
    ::umask(mask);
    return 0640U & ~mask;
}

std::vector<std::string> lines_of(const AnswerHeaders& headers, const char* content_type) {
    std::vector<std::string> lines{std::string{"Content-Type: "} + content_type};
    if (headers.length)
        lines.push_back(fmt::format("Content-Length: {}", *headers.length));
    lines.push_back(fmt::format("X-Recording-Legs: {}", headers.legs));
    lines.push_back("X-Recording-Source: " + headers.source);
    if (headers.missing > 0)
        lines.push_back(fmt::format("X-Recording-Missing: {}", headers.missing));
    return lines;
}

} // namespace

Answer::Answer(AnswerOptions options) : options_{std::move(options)} {
    if (options_.output.empty() && ::isatty(STDOUT_FILENO) == 1)
        throw Error{Exit::usage, "refusing to write audio to a terminal",
                    "give -o FILE, or pipe it: pbx-recording-fetch CALL | play -"};
}

void Answer::begin(const AnswerHeaders& headers) {
    if (options_.encoding == audio::Encoding::wav) {
        open(headers, audio::media_type(options_.encoding));
        return;
    }
    headers_ = headers;
    wav_ = nameless_file();
    fd_ = wav_.get();
}

void Answer::open(const AnswerHeaders& headers, const char* content_type) {
    const auto lines = lines_of(headers, content_type);
    std::string text;
    for (const auto& line : lines) {
        words::note("{}", line);
        text += line + "\n";
    }
    if (!options_.headers_file.empty()) {
        const Fd file{::open(options_.headers_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)};
        if (!file)
            throw system_error(Exit::cant_create, "cannot write the headers to " + options_.headers_file, errno);
        write_all(file.get(), text, options_.headers_file);
    }
    struct stat status {};
    if (options_.output.empty()) {
        fd_ = STDOUT_FILENO;
    } else if (::stat(options_.output.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        special_ = Fd{::open(options_.output.c_str(), O_WRONLY | O_CLOEXEC)};
        if (!special_)
            throw system_error(Exit::cant_create, "cannot write " + options_.output, errno);
        fd_ = special_.get();
    } else if (!file_) {
        const std::filesystem::path path{options_.output};
        const auto parent = path.parent_path();
        try {
            folder_ = Folder::open(parent.empty() ? "." : parent);
        } catch (const Error& error) {
            const auto kind = error.kind() == Exit::io ? Exit::cant_create : error.kind();
            throw Error{kind, "cannot write " + options_.output + ": " + error.what(), error.hint()};
        }
        file_.emplace(*folder_, path.filename().native(), private_mode(), Deadline::after(std::chrono::seconds{5}),
                      AtomicFile::Owner::caller);
        fd_ = file_->fd();
    }
    begun_ = true;
    if (options_.include)
        write_all(fd_, text + "\n", "the headers");
}

void Answer::add(std::string_view data) const {
    write_all(fd_, data, options_.output.empty() ? "to stdout" : options_.output);
}

void Answer::add(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what) const {
    copy_bytes(fd, offset, length, fd_, what);
}

void Answer::finish() {
    if (wav_) {
        const audio::LegAudio wav{std::move(wav_), "the recording"};
        const auto encoded = nameless_file();
        audio::encode(wav, options_.encoding, encoded.get(), "the recording");
        headers_.length = size_of(encoded.get(), "the recording");
        open(headers_, audio::media_type(options_.encoding));
        add(encoded.get(), 0, *headers_.length, "the recording");
    }
    if (file_)
        file_->commit();
}

bool Answer::take_back() {
    wav_.reset();
    if (!begun_)
        return true;
    if (!file_ || ::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0)
        return false;
    begun_ = false;
    return true;
}

} // namespace pbx::recording
