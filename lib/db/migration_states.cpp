// A pending file that sorts before an applied one is a fault: databases would differ in the order of files.
#include "db/migration_states.hpp"

#include "base/log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pbx::db {

const char* name_of(MigrationState state) {
    switch (state) {
    case MigrationState::applied:
        return "applied";
    case MigrationState::pending:
        return "pending";
    case MigrationState::out_of_order:
        return "out of order";
    case MigrationState::changed:
        return "changed";
    case MigrationState::vanished:
        return "vanished";
    }
    return "";
}

std::vector<MigrationEntry> compare(const std::vector<Migration>& files, const std::vector<MigrationRecord>& records) {
    std::map<std::string, MigrationEntry> entries;
    for (const auto& file : files)
        entries[file.version] = {MigrationState::pending, file.version, &file, std::nullopt};
    std::string newest;
    for (const auto& record : records) {
        auto& entry = entries[record.version];
        entry.version = record.version;
        entry.record = record;
        if (entry.file == nullptr)
            entry.state = MigrationState::vanished;
        else
            entry.state = entry.file->checksum == record.checksum ? MigrationState::applied : MigrationState::changed;
        newest = std::max(newest, record.version);
    }
    std::vector<MigrationEntry> result;
    for (auto& [version, entry] : entries) {
        if (entry.state == MigrationState::pending && version < newest)
            entry.state = MigrationState::out_of_order;
        result.push_back(std::move(entry));
    }
    return result;
}

Error MigrationEntry::fault() const {
    if (state == MigrationState::changed)
        return {Exit::data, fmt::format("{} changed after it was applied", file->path.native()),
                "restore the file, and make the change in a new one (pbx-migrate new WORDS)"};
    if (state == MigrationState::vanished)
        return {Exit::data, fmt::format("{} was applied, but its file is gone", version),
                "restore the file; --migrations may name the folder of another release"};
    return {Exit::data,
            fmt::format("{} is pending, but sorts before a migration that is already applied", file->path.native()),
            "give it a later date, so that every database runs the files in the same order"};
}

bool MigrationEntry::is_fault() const {
    return state != MigrationState::applied && state != MigrationState::pending;
}

void require_clean(const std::vector<MigrationEntry>& entries) {
    std::optional<Error> last;
    for (const auto& entry : entries) {
        if (!entry.is_fault())
            continue;
        if (last)
            log::error(*last);
        last.emplace(entry.fault());
    }
    if (last)
        throw Error{*last};
}

std::vector<const Migration*> pending(const std::vector<MigrationEntry>& entries, const std::string& to) {
    std::vector<const Migration*> result;
    for (const auto& entry : entries)
        if (entry.state == MigrationState::pending && (to.empty() || entry.version <= to))
            result.push_back(entry.file);
    return result;
}

std::int64_t count(const std::vector<MigrationEntry>& entries, MigrationState state) {
    return std::count_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.state == state; });
}

} // namespace pbx::db
