// The modification time of an entry is when it was used last. Its last bytes are a checksum of all others.
#include "recording/derived_cache.hpp"

#include "base/atomic_file.hpp"
#include "base/checksum.hpp"
#include "base/log.hpp"
#include "base/trust.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace pbx::recording {

namespace {

// Small entries take a block of the disk each, and the folder is listed whenever one is added.
constexpr std::size_t most_entries = 10'000;

// The folder may be one that has other files: only those with this beginning are ever removed.
constexpr std::string_view prefix = "pbx-derived-";

std::string file_of(const std::string& entry) {
    return std::string{prefix} + entry;
}

struct CacheEntry {
    std::string name;
    time_t used;
    std::uint64_t bytes;
};

std::uint64_t space_taken(const struct stat& status) {
    constexpr std::uint64_t block = 512; // stat(2): the unit of st_blocks
    return static_cast<std::uint64_t>(status.st_blocks) * block;
}

std::vector<CacheEntry> entries_of(const Folder& folder) {
    std::vector<CacheEntry> entries;
    folder.for_each_name([&](const std::string& name) {
        if (AtomicFile::final_name(name).starts_with(prefix))
            return AtomicFile::remove_if_dead(folder, name);
        if (!name.starts_with(prefix))
            return;
        if (const auto status = folder.look(name); status && S_ISREG(status->st_mode))
            entries.push_back({name, status->st_mtime, space_taken(*status)});
    });
    std::sort(entries.begin(), entries.end(),
              [](const CacheEntry& one, const CacheEntry& other) { return one.used < other.used; });
    return entries;
}

// The size of an entry without its checksum; nothing when its bytes are not those that were kept.
std::optional<std::uint64_t> undamaged_size(int file, const std::string& name) {
    const auto whole = size_of(file, name);
    if (whole < Checksum::digits)
        return std::nullopt;
    const auto size = whole - Checksum::digits;
    std::array<char, Checksum::digits> kept{};
    const auto got = read_at(file, kept, size, name);
    const bool is_same = std::string_view{kept.data(), got} == checksum_of_range(file, 0, size, name);
    return is_same ? std::optional{size} : std::nullopt;
}

// Whether `error` only means that the cache cannot be used.
void note_or_throw(const Error& error) {
    if (error.status() != Exit::cant_create && error.status() != Exit::no_permission && error.status() != Exit::io &&
        error.status() != Exit::temporary)
        throw Error{error};
    log::note("not kept: {}", error.what());
}

} // namespace

DerivedCache::DerivedCache(Options options, const std::string& spool, SpaceRules rules)
    : options_{std::move(options)}, spool_{Folder::open(spool)}, rules_{rules} {
    std::error_code ignored;
    if (!options_.folder.empty() && std::filesystem::is_directory(options_.folder, ignored))
        try {
            folder_ = Folder::open(options_.folder);
        } catch (const Error& error) {
            note_or_throw(error);
        }
}

std::optional<DerivedCache::Kept> DerivedCache::find(const std::string& name) {
    if (!folder_)
        return std::nullopt;
    try {
        auto file = open_trusted(*folder_, file_of(name));
        if (!file)
            return std::nullopt;
        const auto size = undamaged_size(file->get(), name);
        if (!size) {
            log::warn("{} is damaged: it is removed and made again", folder_->path_of(file_of(name)));
            folder_->remove(file_of(name));
            return std::nullopt;
        }
        ::futimens(file->get(), nullptr);
        return Kept{*std::move(file), *size};
    } catch (const Error& error) {
        log::warn("{}", error.what());
        return std::nullopt;
    }
}

std::optional<std::string> DerivedCache::find_text(const std::string& name) {
    const auto kept = find(name);
    if (!kept)
        return std::nullopt;
    auto text = read_file(kept->file.get(), name);
    text.resize(std::min<std::uint64_t>(text.size(), kept->size));
    return text;
}

bool DerivedCache::has_room_for(std::uint64_t bytes) const {
    const SpoolSpace space{spool_, rules_};
    return bytes <= options_.most && (!space.holds(*folder_) || space.available() >= bytes);
}

void DerivedCache::make_room() const {
    auto entries = entries_of(*folder_);
    std::uint64_t bytes = 0;
    for (const auto& entry : entries)
        bytes += entry.bytes;
    auto count = entries.size();
    for (const auto& entry : entries) {
        if (bytes <= options_.most && count <= most_entries)
            return;
        folder_->remove(entry.name);
        bytes -= entry.bytes;
        --count;
    }
}

void DerivedCache::keep(const std::string& name, int file, const Deadline& deadline) {
    if (options_.folder.empty())
        return;
    try {
        if (!folder_)
            folder_ = Folder::create(options_.folder, &spool_);
        const auto size = size_of(file, name);
        if (!has_room_for(size))
            return log::note("{} is not kept: the remaining space is reserved for Asterisk", name);
        AtomicFile entry{*folder_, file_of(name), 0640, deadline};
        copy_bytes(file, 0, size, entry.fd(), name);
        write_all(entry.fd(), checksum_of_range(file, 0, size, name), name);
        entry.commit();
        make_room();
    } catch (const Error& error) {
        note_or_throw(error);
    }
}

void DerivedCache::keep_text(const std::string& name, std::string_view text, const Deadline& deadline) {
    const auto file = nameless_file();
    write_all(file.get(), text, name);
    keep(name, file.get(), deadline);
}

} // namespace pbx::recording
