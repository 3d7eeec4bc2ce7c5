// Walks /proc/PID/fd, and reads in fdinfo how each descriptor was opened.
#include "base/open_files.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace pbx {

namespace {

namespace fs = std::filesystem;

bool opened_for_writing(const fs::path& fdinfo) {
    std::ifstream text{fdinfo};
    for (std::string word; text >> word;) {
        std::string flags;
        if (word == "flags:" && text >> flags) {
            constexpr int octal = 8;
            return (std::strtol(flags.c_str(), nullptr, octal) & O_ACCMODE) != O_RDONLY;
        }
    }
    return false;
}

} // namespace

OpenFiles OpenFiles::now() {
    OpenFiles result;
    std::error_code gone; // processes end meanwhile, and those of others are not readable
    for (fs::directory_iterator process{"/proc", gone}; !gone && process != fs::directory_iterator{};
         process.increment(gone)) {
        const auto name = process->path().filename().native();
        if (name.find_first_not_of("0123456789") != std::string::npos)
            continue;
        std::error_code closed;
        for (fs::directory_iterator fd{process->path() / "fd", closed}; !closed && fd != fs::directory_iterator{};
             fd.increment(closed)) {
            struct stat file {};
            if (::stat(fd->path().c_str(), &file) == 0 && S_ISREG(file.st_mode) &&
                opened_for_writing(process->path() / "fdinfo" / fd->path().filename()))
                result.written_.emplace(file.st_dev, file.st_ino);
        }
    }
    return result;
}

} // namespace pbx
