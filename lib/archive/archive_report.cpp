// The keys of the JSON document are part of the contract (pbx-archive(1)).
#include "archive/archive_report.hpp"

#include "archive/source_file.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "base/output.hpp"

#include <fmt/format.h>
#include <version.hpp>

#include <utility>

namespace pbx::archive {

namespace {

nlohmann::ordered_json json_of(const ShelfCounts& counts) {
    auto result = nlohmann::ordered_json{{"failed", counts.failed}, {"bytes", counts.bytes}};
    for (const auto& [key, count] : {std::pair{"copied", counts.copied},
                                     {"moved", counts.moved},
                                     {"would-copy", counts.would_copy},
                                     {"would-move", counts.would_move},
                                     {"archived", counts.archived},
                                     {"kept", counts.kept},
                                     {"young", counts.young},
                                     {"written", counts.written}})
        if (count > 0)
            result[key] = count;
    return result;
}

} // namespace

namespace {

std::string counted(std::uint64_t count, const char* one, const char* several, std::uint64_t bytes) {
    return fmt::format("{} {} ({:.1f} MB)", count, count == 1 ? one : several, static_cast<double>(bytes) / 1e6);
}

} // namespace

// "copied 2 stitched recordings (1.2 MB), moved 1 leg (0.3 MB); left for the next run: 1"
std::string ArchiveReport::sentence() const {
    const auto copied = dry_run_ ? stitched_.would_copy : stitched_.copied;
    const auto moved = dry_run_ ? legs_.would_move : legs_.moved;
    auto text = fmt::format("{} {}, {} {}", dry_run_ ? "would copy" : "copied",
                            counted(copied, "stitched recording", "stitched recordings", stitched_.bytes),
                            dry_run_ ? "would move" : "moved", counted(moved, "leg", "legs", legs_.bytes));
    if (const auto later = legs_.young + legs_.written + stitched_.young + stitched_.written; later > 0)
        text += fmt::format("; left for the next run: {}", later);
    if (const auto failed = legs_.failed + stitched_.failed; failed > 0)
        text += fmt::format("; failed: {}", failed);
    return text;
}

ArchiveReport::ArchiveReport(bool json, bool dry_run, recording::Metrics& metrics)
    : json_{json}, dry_run_{dry_run}, metrics_{metrics} {}

void ArchiveReport::add_moved(const std::string& leg, std::uint64_t bytes) {
    log::note("moved {} ({} bytes)", leg, bytes);
    ++legs_.moved;
    legs_.bytes += bytes;
    metrics_.add("legs_moved", 1);
    metrics_.add("legs_moved_bytes", bytes);
}

void ArchiveReport::add_copied(const std::string& recording, std::uint64_t bytes) {
    log::note("copied {} ({} bytes)", recording, bytes);
    ++stitched_.copied;
    stitched_.bytes += bytes;
    metrics_.add("stitched_copied", 1);
    metrics_.add("stitched_copied_bytes", bytes);
}

void ArchiveReport::add_removed_copy(const std::string& name, std::uint64_t bytes) {
    log::note("removed {} ({} bytes), which the archive has", name, bytes);
    ++removed_copies_;
    removed_bytes_ += bytes;
    metrics_.add("copies_removed", 1);
    metrics_.add("copies_removed_bytes", bytes);
}

void ArchiveReport::add_failure(Shelf shelf, const std::string& name, const Error& error) {
    ++counts(shelf).failed;
    metrics_.add_failure(error.status());
    status_ = worst(status_, error.status());
    auto& same = unprinted_[{error.what(), error.hint()}];
    same.names.push_back(name);
    same.status = error.status();
    if (json_)
        failures_.push_back({{"kind", name_of(shelf)},
                             {"name", name},
                             {"exit", static_cast<int>(error.status())},
                             {"message", error.what()}});
}

void ArchiveReport::add_run_failure(const Error& error) {
    // Both halves of a run may fail for one reason.
    if (error.what() != last_run_failure_)
        log::error(error);
    last_run_failure_ = error.what();
    metrics_.add_failure(error.status());
    status_ = worst(status_, error.status());
    if (json_)
        failures_.push_back({{"kind", "run"}, {"exit", static_cast<int>(error.status())}, {"message", error.what()}});
}

void ArchiveReport::print_failures(Shelf shelf) {
    for (const auto& [text, same] : std::exchange(unprinted_, {})) {
        auto files = shown(same.names.front());
        if (same.names.size() > 1)
            files = fmt::format("{} {} ({}, ...)", same.names.size(), name_of(shelf), files);
        log::error({same.status, files + ": " + text.first, text.second});
    }
}

nlohmann::ordered_json ArchiveReport::document() const {
    return {{"schema", 1},
            {"version", version},
            {"dry_run", dry_run_},
            {"stitched", json_of(stitched_)},
            {"legs", json_of(legs_)},
            {"room", {{"removed", removed_copies_}, {"bytes", removed_bytes_}}},
            {"failures", failures_},
            {"exit", static_cast<int>(status_)}};
}

Exit ArchiveReport::finish() {
    if (interrupt::signal() != 0)
        log::warn("interrupted after {} stitched recordings were copied and {} legs moved; the next run continues",
                  stitched_.copied, legs_.moved);
    else if (dry_run_)
        log::warn("{}", sentence());
    else
        log::note("{}", sentence());
    if (json_)
        output::print("{}\n", document().dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
    return status_;
}

} // namespace pbx::archive
