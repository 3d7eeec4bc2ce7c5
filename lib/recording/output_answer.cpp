// Headers as HTTP has them, a body as Unix has it.
#include "recording/output_answer.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

namespace pbx::recording {

namespace {

std::vector<std::string> header_lines(const AnswerHeaders& headers, const char* content_type) {
    std::vector<std::string> lines{std::string{"Content-Type: "} + content_type};
    lines.push_back(fmt::format("Content-Length: {}", headers.length));
    lines.push_back(fmt::format("X-Recording-Legs: {}", headers.legs));
    lines.push_back("X-Recording-Source: " + headers.source);
    if (headers.missing > 0)
        lines.push_back(fmt::format("X-Recording-Missing: {}", headers.missing));
    if (headers.without_manifest)
        lines.emplace_back("X-Recording-Verified: no");
    return lines;
}

// The folder that `path` lies in, without links.
std::filesystem::path folder_of(const std::filesystem::path& path) {
    std::error_code failed;
    auto folder = std::filesystem::canonical(path.has_parent_path() ? path.parent_path() : ".", failed);
    return failed ? std::filesystem::path{} : folder;
}

// The descriptor of this process that `path` names, as /dev/stdout, /dev/fd/3, /proc/self/fd/3 and links to them do.
// Nothing when it names none. The link itself is not a file that could be replaced, and opening it would begin a file
// again at its first byte.
std::optional<int> own_descriptor(std::filesystem::path path) {
    const auto own_folder = fmt::format("/proc/{}/fd", ::getpid());
    constexpr int most_links = 40; // as the kernel follows, path_resolution(7)
    for (int links = 0; links < most_links; ++links) {
        const auto folder = folder_of(path);
        if (folder == own_folder) {
            const auto digits = path.filename().native();
            int fd = -1;
            const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), fd);
            const bool is_number = failed == std::errc{} && end == digits.data() + digits.size();
            return is_number ? std::optional{fd} : std::nullopt;
        }
        std::error_code failed;
        const auto target = std::filesystem::read_symlink(path, failed);
        if (failed)
            return std::nullopt;
        path = folder / target;
    }
    return std::nullopt;
}

// Opens an output that is not a file to be made; nothing when it is one.
Fd open_direct(const std::string& output) {
    if (const auto own = own_descriptor(output)) {
        Fd fd{::fcntl(*own, F_DUPFD_CLOEXEC, 0)};
        if (!fd)
            throw system_error(Exit::cant_create, "cannot write " + output, errno,
                               "give -o the name of a file, or leave it out for stdout");
        return fd;
    }
    struct stat status {};
    if (::stat(output.c_str(), &status) != 0 || S_ISREG(status.st_mode))
        return Fd{};
    Fd fd{::open(output.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC)};
    if (!fd)
        throw system_error(Exit::cant_create, "cannot write " + output, errno);
    return fd;
}

} // namespace

mode_t private_mode() {
    const auto mask = ::umask(0);
    ::umask(mask);
    return 0640U & ~mask;
}

OutputAnswer::OutputAnswer(OutputOptions options) : options_{std::move(options)} {
    if (!options_.output.empty() && own_descriptor(options_.output))
        direct_ = open_direct(options_.output);
    const int known = options_.output.empty() ? STDOUT_FILENO : direct_.get();
    if (known >= 0 && ::isatty(known) == 1)
        throw Error{Exit::usage, "refusing to write audio to a terminal",
                    "give -o FILE, or use a pipe: pbx-recording-fetch CALL | play -"};
}

Part OutputAnswer::begin(const AnswerHeaders& headers) {
    const Part whole{0, headers.length};
    if (!options_.conversion.changes()) {
        send_headers(headers, audio::media_type(options_.conversion.encoding));
        return whole;
    }
    headers_ = headers;
    wav_ = nameless_file();
    fd_ = wav_.get();
    return whole;
}

void OutputAnswer::send_headers(const AnswerHeaders& headers, const char* content_type) {
    header_text_.clear();
    for (const auto& line : header_lines(headers, content_type)) {
        log::note("{}", line);
        header_text_ += line + "\n";
    }
    open_output();
    if (!file_)
        write_headers_apart();
    has_begun_ = true;
    if (options_.include)
        write_all(fd_, header_text_ + "\n", "the headers");
}

void OutputAnswer::write_headers_apart() const {
    if (options_.headers_file == "-") {
        write_all(STDOUT_FILENO, header_text_ + "\n", "to stdout");
    } else if (!options_.headers_file.empty()) {
        const Fd file{::open(options_.headers_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)};
        if (!file)
            throw system_error(Exit::cant_create, "cannot write the headers to " + options_.headers_file, errno);
        write_all(file.get(), header_text_, options_.headers_file);
    }
}

void OutputAnswer::open_output() {
    if (options_.output.empty()) {
        fd_ = STDOUT_FILENO;
        return;
    }
    if (!direct_ && !file_)
        direct_ = open_direct(options_.output);
    if (!direct_ && !file_)
        open_file();
    fd_ = direct_ ? direct_.get() : file_->fd();
}

void OutputAnswer::open_file() {
    const std::filesystem::path path{options_.output};
    const auto parent = path.parent_path();
    try {
        folder_ = Folder::open(parent.empty() ? "." : parent);
    } catch (const Error& error) {
        const auto kind = error.status() == Exit::io ? Exit::cant_create : error.status();
        throw Error{kind, "cannot write " + options_.output + ": " + error.what(), error.hint()};
    }
    file_.emplace(*folder_, path.filename().native(), private_mode(), Deadline::after(std::chrono::seconds{5}),
                  AtomicFile::Owner::caller);
}

void OutputAnswer::add(std::string_view data) {
    write_all(fd_, data, options_.output.empty() ? "to stdout" : options_.output);
}

void OutputAnswer::add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) {
    copy_bytes(file, offset, length, fd_, what);
}

void OutputAnswer::finish() {
    if (wav_)
        send_converted();
    if (!file_)
        return;
    // Another recording is served in the place of one that proves damaged, and then has other headers.
    write_headers_apart();
    file_->commit();
}

void OutputAnswer::send_converted() {
    const std::string what = "the recording";
    const auto body = [&] {
        Progress progress{"encoding", "samples"};
        return convert(std::move(wav_), options_.conversion, what, &progress);
    }();
    headers_.length = size_of(body.get(), what);
    send_headers(headers_, audio::media_type(options_.conversion.encoding));
    add(body.get(), 0, headers_.length, what);
}

bool OutputAnswer::discard() {
    wav_.reset();
    if (!has_begun_)
        return true;
    if (!file_ || ::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0)
        return false;
    has_begun_ = false;
    return true;
}

} // namespace pbx::recording
