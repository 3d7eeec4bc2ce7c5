// The status is taken from the descriptor, never from the name: another file may lie under it a moment later.
#include "archive/source_file.hpp"

#include "base/moment.hpp"
#include "base/parallel.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <mutex>
#include <numeric>
#include <utility>

namespace pbx::archive {

FileErrors take_facts(const Folder& folder, std::vector<SourceFile>& files) {
    FileErrors errors;
    std::mutex guard;
    parallel_for(files.size(), default_jobs(), [&](std::size_t i) {
        auto& file = files[i];
        try {
            file.facts = audio::take_facts(file.fd.get(), file.size(), folder.path_of(file.path()));
        } catch (const Error& error) {
            const std::lock_guard lock{guard};
            errors.insert_or_assign(file.name, error);
        }
    });
    return errors;
}

const char* name_of(Shelf shelf) {
    return shelf == Shelf::legs ? "legs" : "stitched";
}

std::optional<SourceFile> open_source(const Folder& folder, const std::string& name) {
    if (const auto fault = remote_name_fault(name); !fault.empty())
        throw Error{Exit::data, "it cannot be archived under this name: " + std::string{fault},
                    "rename it; until then it stays where it is"};
    auto fd = folder.find(name);
    if (!fd)
        return std::nullopt;
    SourceFile file;
    file.name = name;
    file.fd = *std::move(fd);
    if (::fstat(file.fd.get(), &file.status) != 0)
        throw system_error(Exit::io, "cannot look at " + folder.path_of(name), errno);
    return file;
}

bool is_same(const SourceFile& file, const RemoteObject& object) {
    return object.size == file.size() && object.md5 == file.md5();
}

bool is_young(const struct stat& file, std::chrono::seconds age) {
    const auto now = current_second();
    const std::chrono::sys_seconds modified{std::chrono::seconds{file.st_mtim.tv_sec}};
    const std::chrono::sys_seconds changed{std::chrono::seconds{file.st_ctim.tv_sec}};
    // A modification time in the future proves nothing; nobody can set the time of change.
    return now - (modified > now ? changed : modified) < age;
}

std::vector<std::string> names_of(const std::vector<SourceFile>& files) {
    std::vector<std::string> names;
    names.reserve(files.size());
    for (const auto& file : files)
        names.push_back(file.name);
    return names;
}

std::uint64_t total_size(const std::vector<SourceFile>& files) {
    return std::accumulate(files.begin(), files.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const SourceFile& file) { return sum + file.size(); });
}

std::vector<SourceFile> take_last(std::vector<SourceFile>& files, std::size_t count) {
    const auto first = files.end() - static_cast<std::ptrdiff_t>(std::min(files.size(), count));
    std::vector<SourceFile> taken{std::make_move_iterator(first), std::make_move_iterator(files.end())};
    files.erase(first, files.end());
    return taken;
}

void append(std::vector<SourceFile>& files, std::vector<SourceFile> more) {
    files.insert(files.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

} // namespace pbx::archive
