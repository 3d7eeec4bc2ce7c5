// One line: the id, a blank, the remote.
#include "archive/known_archive.hpp"

#include "base/atomic_file.hpp"
#include "base/printable.hpp"
#include "base/trust.hpp"
#include "remote/archive_marker.hpp"

#include <unistd.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace pbx::archive {

namespace {

constexpr const char* file_name = ".pbx-archive.id";

std::string line_for(const std::string& id, const std::string& remote) {
    return id + " " + printable(remote) + "\n";
}

std::string read_line(const Folder& spool) {
    const auto file = open_trusted(spool, file_name);
    if (!file)
        return {};
    std::array<char, 4096> text{};
    const auto length = ::pread(file->get(), text.data(), text.size(), 0);
    if (length < 0)
        throw system_error(Exit::io, "cannot read " + spool.path_of(file_name), errno);
    return {text.data(), static_cast<std::size_t>(length)};
}

} // namespace

std::optional<std::string> known_archive(const Folder& spool, const std::string& remote) {
    const auto line = read_line(spool);
    const auto id = line.substr(0, line.find(' '));
    return is_archive_id(id) && line == line_for(id, remote) ? std::optional{id} : std::nullopt;
}

void keep_known_archive(const Folder& spool, const std::string& remote, const std::string& id,
                        const Deadline& deadline) {
    const auto line = line_for(id, remote);
    if (read_line(spool) == line)
        return;
    AtomicFile file{spool, file_name, 0640, deadline};
    write_all(file.fd(), line, spool.path_of(file_name));
    file.commit();
}

} // namespace pbx::archive
