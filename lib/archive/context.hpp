// What both halves of a run share.
#pragma once

#include "archive/archive_report.hpp"
#include "archive/facts_journal.hpp"
#include "archive/options.hpp"
#include "base/deadline.hpp"
#include "remote/remote.hpp"

#include <chrono>
#include <cstdint>

namespace pbx::archive {

struct ArchiveContext {
    const ArchiveOptions& options;
    Deadline deadline;
    Remote& remote;
    ArchiveReport& report;
    FactsJournal& facts;

    /// When a transfer of so many bytes must have ended, also over the slowest line.
    Deadline transfer_deadline(std::uint64_t bytes) const {
        return deadline.at_most(std::chrono::minutes{5} + std::chrono::seconds{bytes / slowest_line});
    }
};

} // namespace pbx::archive
