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

    /// When a transfer of so many bytes must have ended: even a slow line carries 50 kB per second.
    Deadline transfer_deadline(std::uint64_t bytes) const {
        constexpr std::uint64_t slowest = 50'000;
        return deadline.at_most(std::chrono::minutes{5} + std::chrono::seconds{bytes / slowest});
    }
};

} // namespace pbx::archive
