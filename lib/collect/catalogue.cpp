#include "collect/catalogue.hpp"

#include "base/atomic_file.hpp"
#include "base/fd.hpp"
#include "base/lines.hpp"
#include "base/trust.hpp"
#include "collect/name_template.hpp"
#include "recording/output_answer.hpp"
#include "spool/journal_file.hpp"

#include <chrono>
#include <utility>

namespace pbx::collect {

namespace {

constexpr const char* calls_name = "calls.jsonl";
constexpr const char* sums_name = "SHA256SUMS";

void write_whole(const Folder& folder, const char* name, const std::string& text) {
    AtomicFile file{folder, name, recording::private_mode(), Deadline::after(std::chrono::seconds{5}),
                    AtomicFile::Owner::caller};
    write_all(file.fd(), text, folder.path_of(name));
    file.commit();
}

// Whether `file` is the base's name with the extension, or one with a number.
bool is_name_of(const std::string& file, const std::string& base, const std::string& extension) {
    const auto end = "." + extension;
    if (!file.starts_with(base) || !file.ends_with(end) || file.size() < base.size() + end.size())
        return false;
    const auto between = file.substr(base.size(), file.size() - base.size() - end.size());
    return between.empty() || (between.size() > 1 && between.front() == '-' &&
                               between.find_first_not_of("0123456789", 1) == std::string::npos);
}

} // namespace

Catalogue::Catalogue(const Folder& folder) : folder_{folder} {
    const auto file = open_trusted(folder, calls_name);
    if (!file)
        return;
    const auto text = read_file(file->get(), folder.path_of(calls_name));
    for (const auto line : Lines{text})
        if (auto entry = Entry::parse(line))
            set(*std::move(entry));
}

const Entry* Catalogue::find(const std::string& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
}

bool Catalogue::is_free(const std::string& key, const std::string& file) const {
    const auto owner = owners_.find(file);
    return owner == owners_.end() ? !folder_.look(file) : owner->second == key;
}

std::string Catalogue::choose_file(const std::string& key, const std::string& base, const std::string& extension) {
    const auto* known = find(key);
    if (known != nullptr && is_name_of(known->file, base, extension))
        return known->file;
    // Numbers below are taken. Without this memory, a name that all calls share would be tried once for each of them.
    auto& number = next_numbers_.try_emplace(base + "." + extension, 1U).first->second;
    for (;;) {
        auto file = numbered(base, number++) + "." + extension;
        if (!is_free(key, file))
            continue;
        owners_[file] = key;
        return file;
    }
}

void Catalogue::claim(const std::vector<Entry>& entries) {
    std::string lines;
    for (const auto& entry : entries)
        lines += entry.line() + "\n";
    if (lines.empty())
        return;
    if (const auto appended = spool::append_lines(folder_, calls_name, lines); appended.disk_full)
        throw Error{*appended.disk_full};
    for (const auto& entry : entries)
        set(entry);
}

void Catalogue::set(Entry entry) {
    const auto key = entry.key();
    if (const auto* known = find(key); known != nullptr && known->file != entry.file)
        owners_.erase(known->file);
    if (!entry.file.empty())
        owners_[entry.file] = key;
    entries_.insert_or_assign(key, std::move(entry));
}

void Catalogue::save() const {
    std::string calls;
    std::map<std::string, std::string> sums;
    for (const auto& [key, entry] : entries_) {
        calls += entry.line() + "\n";
        if (entry.file.empty())
            continue;
        // A claim whose file was never made.
        const auto found = folder_.look(entry.file);
        if (found && static_cast<std::uint64_t>(found->st_size) == entry.size)
            sums[entry.file] = entry.sha256;
    }
    std::string lines;
    for (const auto& [file, sha256] : sums)
        lines.append(sha256).append("  ").append(file).append("\n");
    write_whole(folder_, calls_name, calls);
    write_whole(folder_, sums_name, lines);
}

} // namespace pbx::collect
