// /proc/PID/io counts what went through read(2) and write(2). A program has written a megabyte to a socket long before
// a thin line has carried it: /proc/PID/net/tcp shows what the other side has not acknowledged.
#include "base/process_traffic.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace pbx {

namespace {

namespace fs = std::filesystem;

// The inodes of a process's sockets, as decimal numbers.
std::set<std::string> sockets_of(const fs::path& process) {
    constexpr std::string_view mark = "socket:[";
    std::set<std::string> inodes;
    std::error_code gone;
    for (fs::directory_iterator fd{process / "fd", gone}; !gone && fd != fs::directory_iterator{}; fd.increment(gone)) {
        std::error_code closed;
        const auto target = fs::read_symlink(fd->path(), closed).native();
        if (target.starts_with(mark))
            inodes.insert(target.substr(mark.size(), target.size() - mark.size() - 1));
    }
    return inodes;
}

// Bytes that wait in the send buffers of these sockets.
std::int64_t unsent(const fs::path& table, const std::set<std::string>& sockets) {
    std::int64_t bytes = 0;
    std::ifstream text{table};
    std::string line;
    std::getline(text, line); // the columns' names
    while (std::getline(text, line)) {
        std::istringstream words{line};
        std::string ignored;
        std::string queues;
        std::string inode;
        words >> ignored >> ignored >> ignored >> ignored >> queues >> ignored >> ignored >> ignored >> ignored >>
            inode;
        std::int64_t waiting = 0;
        if (words && sockets.contains(inode) && std::istringstream{queues} >> std::hex >> waiting)
            bytes += waiting;
    }
    return bytes;
}

} // namespace

std::optional<ProcessTraffic> traffic_of(pid_t process) {
    const auto folder = fs::path{"/proc"} / std::to_string(process);
    const auto sockets = sockets_of(folder);
    const auto waiting = unsent(folder / "net/tcp", sockets) + unsent(folder / "net/tcp6", sockets);
    std::ifstream text{folder / "io"};
    ProcessTraffic traffic;
    std::string word;
    if (!(text >> word >> traffic.read) || word != "rchar:" || !(text >> word >> traffic.written) || word != "wchar:")
        return std::nullopt;
    traffic.written -= waiting;
    return traffic;
}

} // namespace pbx
