#include "listening/http_answer.hpp"

#include "audio/encode.hpp"
#include "base/hash.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace pbx::listening {

namespace {

using recording::AnswerHeaders;
using recording::Part;

std::string etag_of(const Content& content) {
    if (!content.sha256.empty())
        return '"' + content.sha256 + '"';
    return content.md5.empty() ? std::string{} : "\"md5-" + content.md5 + '"';
}

std::optional<std::chrono::sys_seconds> seconds_of(const std::optional<recording::FileTime>& time) {
    if (!time)
        return std::nullopt;
    return std::chrono::floor<std::chrono::seconds>(*time);
}

Part part_to_send(const Request& request, const Plan& plan) {
    return request.is_head() ? Part{} : plan.part;
}

// A part of what only the remote has cannot be compared with its hash.
bool is_unverified(const Plan& plan, const AnswerHeaders& headers) {
    return plan.status == 206 && headers.source.ends_with("-remote") && plan.part != Part{0, headers.length};
}

// The cache's entry for the SHA-256 of a file as it is now: writing to the file changes its times.
std::string hash_entry(const struct stat& file) {
    return fmt::format("file-{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}.sha256", file.st_dev, file.st_ino, file.st_size,
                       file.st_mtim.tv_sec, file.st_mtim.tv_nsec, file.st_ctim.tv_sec, file.st_ctim.tv_nsec);
}

// Taking the hash of an hour of audio costs as much time as the rest of the answer to a range of it.
std::string sha256_of_file(const AnswerWork& work, int file, const struct stat& status, const std::string& what) {
    constexpr std::size_t digits = 64;
    const auto entry = hash_entry(status);
    if (auto kept = work.cache.find_text(entry); kept && kept->size() == digits)
        return *std::move(kept);
    auto hash = sha256_of_range(file, 0, static_cast<std::uint64_t>(status.st_size), what);
    constexpr off_t worth_an_entry = 1 << 20; // bytes
    if (status.st_size >= worth_an_entry)
        work.cache.keep_text(entry, hash, work.deadline);
    return hash;
}

} // namespace

void HttpAnswer::send_file(AnswerHeaders headers, int file, const std::string& what) {
    struct stat status {};
    if (::fstat(file, &status) != 0)
        throw system_error(Exit::io, "cannot look at " + what, errno);
    headers.modified = recording::modification_time(status);
    headers.content = {headers.length, {}, sha256_of_file(work_, file, status, what)};
    Answer::send_file(std::move(headers), file, what);
}

Fields HttpAnswer::fields_of(const Plan& plan, const Representation& representation,
                             const std::string& content_type) const {
    Fields fields{"Cache-Control: private", "Accept-Ranges: bytes"};
    if (!representation.etag.empty())
        fields.push_back("ETag: " + representation.etag);
    if (representation.modified)
        fields.push_back("Last-Modified: " + http_time(*representation.modified));
    fields.push_back("X-Recording-Source: " + headers_.source);
    fields.push_back(fmt::format("X-Recording-Legs: {}", headers_.legs));
    if (headers_.missing > 0)
        fields.push_back(fmt::format("X-Recording-Missing: {}", headers_.missing));
    if (headers_.without_manifest)
        fields.emplace_back("X-Recording-Verified: no");
    if (plan.status == 304)
        return fields;
    fields.push_back("Content-Type: " + content_type);
    fields.push_back(fmt::format("Content-Length: {}", plan.part.length));
    if (plan.status == 206)
        fields.push_back(fmt::format("Content-Range: bytes {}-{}/{}", plan.part.offset,
                                     plan.part.offset + plan.part.length - 1, representation.length));
    return fields;
}

namespace {

void refuse_range(Response& response, const Representation& representation) {
    response.send_error(416, "The recording has no bytes in this range.",
                        {fmt::format("Content-Range: bytes */{}", representation.length), "Accept-Ranges: bytes"});
}

} // namespace

RecordingAnswer::RecordingAnswer(AnswerWork work, std::string disposition)
    : HttpAnswer{work}, disposition_{std::move(disposition)} {}

bool RecordingAnswer::may_want_part() const {
    const auto& request = work_.request;
    const bool is_part = !request.range.empty() && !is_whole_range(request.range);
    return is_part || request.is_head() || !request.if_range.empty() || !request.if_none_match.empty() ||
           !request.if_modified_since.empty();
}

Part RecordingAnswer::begin(const AnswerHeaders& headers) {
    headers_ = headers;
    representation_ = {headers.length, etag_of(headers.content), seconds_of(headers.modified)};
    plan_ = plan_answer(work_.request, representation_);
    return part_to_send(work_.request, plan_);
}

void RecordingAnswer::send_head() {
    if (work_.response.has_begun())
        return;
    if (plan_.status == 416)
        return refuse_range(work_.response, representation_);
    auto fields = fields_of(plan_, representation_, audio::media_type(audio::Encoding::wav));
    fields.push_back(disposition_);
    if (is_unverified(plan_, headers_) && !headers_.without_manifest)
        fields.emplace_back("X-Recording-Verified: no");
    work_.response.begin(plan_.status, fields);
}

void RecordingAnswer::add(std::string_view data) {
    send_head();
    work_.response.body(data);
}

void RecordingAnswer::add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) {
    send_head();
    work_.response.body(file, offset, length, what);
}

void RecordingAnswer::finish() {
    send_head();
}

DerivedAnswer::DerivedAnswer(AnswerWork work, Derivation derivation)
    : HttpAnswer{work}, derivation_{std::move(derivation)} {}

std::string DerivedAnswer::entry_name() const {
    const auto& sha256 = headers_.content.sha256;
    return sha256.empty() ? std::string{} : sha256 + "." + derivation_.name;
}

Part DerivedAnswer::begin(const AnswerHeaders& headers) {
    headers_ = headers;
    auto kept = entry_name().empty() ? std::nullopt : work_.cache.find(entry_name());
    if (kept) {
        result_ = std::move(kept->file);
        length_ = kept->size;
        return {};
    }
    wav_ = nameless_file();
    return {0, headers.length};
}

void DerivedAnswer::add(std::string_view data) {
    write_all(wav_.get(), data, "the recording");
}

// A whole file is read where it is.
void DerivedAnswer::add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) {
    if (offset == 0 && length == headers_.length)
        wav_ = Fd{::dup(file)};
    else
        copy_bytes(file, offset, length, wav_.get(), what);
}

void DerivedAnswer::finish() {
    const std::string what = "what is made of the recording";
    if (!result_) {
        result_ = derivation_.derive(std::move(wav_));
        length_ = size_of(result_.get(), what);
        if (!entry_name().empty())
            work_.cache.keep(entry_name(), result_.get(), work_.deadline);
    }
    // An encoder may make other bytes of the same recording the next time.
    const Content content{length_, {}, sha256_of_range(result_.get(), 0, length_, what)};
    const Representation representation{length_, etag_of(content), seconds_of(headers_.modified)};
    const auto plan = plan_answer(work_.request, representation);
    if (plan.status == 416)
        return refuse_range(work_.response, representation);
    auto fields = fields_of(plan, representation, derivation_.content_type);
    if (!derivation_.disposition.empty())
        fields.push_back(derivation_.disposition);
    work_.response.begin(plan.status, fields);
    work_.response.body(result_.get(), plan.part.offset, plan.part.length, what);
}

bool DerivedAnswer::discard() {
    wav_.reset();
    result_.reset();
    return !work_.response.has_begun();
}

} // namespace pbx::listening
