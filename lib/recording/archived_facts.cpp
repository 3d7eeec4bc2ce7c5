// A stitched recording on this disk needs neither facts nor the archive. A leg in the spool needs the facts.
#include "recording/archived_facts.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace pbx::recording {

namespace {

constexpr std::string_view stitched_folder = "stitched/";

} // namespace

ArchivedFacts::ArchivedFacts(const std::string& database, std::chrono::seconds timeout, LegSources& sources,
                             const Deadline& deadline)
    : sources_{sources}, deadline_{deadline}, session_{std::make_unique<soci::session>()} {
    db::connect(*session_, database, std::min(timeout, std::chrono::seconds{60}));
}

void ArchivedFacts::expect(const std::string& recording, const std::vector<std::string>& legs) {
    if (!recording.empty())
        paths_.push_back(std::string{stitched_folder} + recording);
    paths_.insert(paths_.end(), legs.begin(), legs.end());
}

void ArchivedFacts::prepare_archive() {
    if (failure_)
        throw Error{*failure_};
    if (std::exchange(is_read_, true))
        return;
    if (!session_)
        throw std::logic_error{"the facts are needed after they were not"};
    try {
        read();
    } catch (const Error& error) {
        failure_ = error;
        throw;
    }
    close();
}

void ArchivedFacts::read() {
    sources_.recognize_archive(*session_, deadline_);
    for (auto& [path, content] : db::find_recordings(*session_, paths_, &times_)) {
        if (path.starts_with(stitched_folder))
            recordings_.emplace(path.substr(stitched_folder.size()), content);
        else
            of_legs_.emplace(path, content);
    }
}

std::optional<FileTime> ArchivedFacts::archived_at(const std::string& path) const {
    const auto found = times_.find(path);
    return found == times_.end() ? std::nullopt : std::optional<FileTime>{found->second};
}

std::optional<Content> ArchivedFacts::of_recording(const std::string& name) {
    prepare_archive();
    const auto found = recordings_.find(name);
    return found == recordings_.end() ? std::nullopt : std::optional{found->second};
}

const KnownContents& ArchivedFacts::of_recordings() {
    prepare_archive();
    return recordings_;
}

const KnownContents& ArchivedFacts::of_legs() {
    prepare_archive();
    return of_legs_;
}

} // namespace pbx::recording
