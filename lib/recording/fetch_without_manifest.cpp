// Behind the last tier: a recording that another program stitched, under the name LINKEDID.wav. The name states no
// account, and nothing in the file states whose audio it is, so it is served only where one account has the linkedid.
#include "base/log.hpp"
#include "base/name.hpp"
#include "cdr/linkedid_claims.hpp"
#include "db/recordings.hpp"
#include "db/session.hpp"
#include "recording/fetch_tiers.hpp"
#include "recording/freshness.hpp"
#include "recording/send_object.hpp"
#include "remote/query.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace pbx::recording {

namespace {

// Ends the stream of an object that is not to be served.
struct NotThisCalls {
    std::string reason;
};

// Ends it because the recording could be another account's.
struct OfOthers {};

// Why the file LINKEDID.wav cannot be the call's recording by another program; empty when it can.
std::string find_fault(const cdr::Call& call, const RecordingSummary& recording) {
    const auto& header = recording.header;
    if (audio::Manifest::from(header) || header.info.software.starts_with(audio::stitching_program))
        return "pbx-stitch made it, of other legs or for another call";
    if (header.data_size == 0)
        return "its header states no audio";
    if (header.data_offset > recording.size || header.data_size > recording.size - header.data_offset)
        return "it is not whole";
    if (std::chrono::floor<std::chrono::seconds>(recording.modified) < call.started)
        return "it is older than the call";
    return {};
}

// Throws NotThisCalls for what cannot be read as a WAV file.
template <typename Read>
auto require_readable(Read&& read) {
    try {
        return std::forward<Read>(read)();
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        throw NotThisCalls{error.what()};
    }
}

// What the database knows of the name.
struct Known {
    std::optional<Content> content;
    bool is_of_others = true; ///< or may be
};

class WithoutManifest {
  public:
    WithoutManifest(FetchWork& work, const cdr::Call& call) : work_{work}, call_{call}, name_{call.linkedid + ".wav"} {}

    bool serve() {
        try {
            return name_fault(name_).empty() && (serve_local() || serve_archived());
        } catch (const OfOthers&) {
            throw AmbiguousLeg{Exit::data,
                               "call " + display_name(call_) + ": recording " + shown(name_) +
                                   " was stitched by another program, which does not record the account, and it could "
                                   "belong to more than one account",
                               "look at the CDR rows of this linkedid, and at the facts of " +
                                   shown("stitched/" + name_)};
        }
    }

  private:
    bool serve_local() {
        std::error_code ignored;
        if (!std::filesystem::exists(work_.options.places.stitched, ignored))
            return false;
        const auto stitched = Folder::open(work_.options.places.stitched);
        const auto path = stitched.path_of(name_);
        try {
            const auto file = require_readable([&] { return stitched.find(name_); });
            if (!file)
                return false;
            require_fit(summary_of(*file, path));
            if (known().content && !has_content(file->get(), *known().content, path))
                throw NotThisCalls{"it is not what was archived: " + describe(*known().content)};
            send(*file, path, "stitched-local");
            return true;
        } catch (const NotThisCalls& fault) {
            log::warn("{} is not served: {}", path, fault.reason);
            return false;
        }
    }

    bool serve_archived() {
        if (work_.sources.archive() == nullptr || !remote_name_fault(name_).empty())
            return false;
        const auto path = name_ + " in the archive";
        try {
            if (work_.ahead != nullptr && work_.ahead->recordings.asked.contains(name_))
                return serve_ahead(path);
            const auto object = find_object(*work_.sources.archive(), Shelf::stitched, name_, work_.deadline);
            return object && send_object(*object);
        } catch (const NotThisCalls& fault) {
            log::warn("{} is not served: {}", path, fault.reason);
            return false;
        }
    }

    // It was compared with its facts when it was fetched.
    bool serve_ahead(const std::string& path) {
        const auto file = work_.ahead->recordings.open(name_);
        if (!file)
            return false;
        require_fit(summary_of(*file, path));
        send(*file, path, "stitched-remote");
        return true;
    }

    bool send_object(const RemoteObject& object) {
        const auto expected = known().content.value_or(Content{object.size, object.md5, {}});
        return recording::send_object(
            work_, Shelf::stitched, name_, expected,
            [&](std::string_view beginning, bool is_all) { return decide(object, expected, beginning, is_all); });
    }

    std::optional<ServedObject> decide(const RemoteObject& object, const Content& expected, std::string_view beginning,
                                       bool is_all) {
        const auto header = require_readable([&] { return audio::parse_wav_header(beginning); });
        if (!header && !is_all)
            return std::nullopt;
        if (!header)
            throw NotThisCalls{"it has no data chunk"};
        const bool has_time = object.modified != std::chrono::sys_seconds{};
        require_fit({*header, expected.size, has_time ? FileTime{object.modified} : FileTime::max()});
        announce();
        auto headers = headers_of("stitched-remote");
        if (has_time)
            headers.modified = object.modified;
        return ServedObject{std::move(headers), header->data_offset, {}, *header};
    }

    static RecordingSummary summary_of(const Fd& file, const std::string& path) {
        struct stat status {};
        if (::fstat(file.get(), &status) != 0)
            throw system_error(Exit::io, "cannot look at " + path, errno);
        return {require_readable([&] { return audio::read_wav_header(file.get(), path); }),
                static_cast<std::uint64_t>(status.st_size), modification_time(status)};
    }

    // Throws NotThisCalls, OfOthers.
    void require_fit(const RecordingSummary& recording) {
        if (auto fault = find_fault(call_, recording); !fault.empty())
            throw NotThisCalls{std::move(fault)};
        if (known().is_of_others)
            throw OfOthers{};
    }

    void announce() const {
        log::warn("call {}: no leg is left; the recording that is served was stitched by another program, and nothing "
                  "confirms which legs it contains",
                  display_name(call_));
    }

    // In a session of its own, since that of the call is closed once the facts of its legs are read.
    const Known& known() {
        if (known_)
            return *known_;
        work_.early.wait();
        soci::session session;
        db::connect(session, work_.options.database, std::min(work_.options.timeout, std::chrono::seconds{60}));
        const auto path = "stitched/" + name_;
        const auto facts = db::recorded_facts(session, {path}, work_.deadline);
        const auto found = facts.find(path);
        known_.emplace();
        if (found != facts.end())
            known_->content = found->second.content;
        const bool is_archived_for_another = found != facts.end() && !found->second.accountcode.empty() &&
                                             found->second.accountcode != call_.accountcode;
        known_->is_of_others =
            is_archived_for_another || cdr::is_claimed_by_others(session, call_.linkedid, call_.accountcode);
        return *known_;
    }

    void send(const Fd& file, const std::string& path, const char* source) {
        work_.facts.close();
        announce();
        auto headers = headers_of(source);
        headers.length = size_of(file.get(), path);
        work_.answer.send_file(std::move(headers), file.get(), path);
    }

    AnswerHeaders headers_of(const char* source) const {
        AnswerHeaders headers{0, call_.legs.size(), source};
        headers.without_manifest = true;
        return headers;
    }

    FetchWork& work_;
    const cdr::Call& call_;
    std::string name_;
    std::optional<Known> known_;
};

} // namespace

bool serve_recording_without_manifest(FetchWork& work, const cdr::Call& call) {
    return WithoutManifest{work, call}.serve();
}

} // namespace pbx::recording
