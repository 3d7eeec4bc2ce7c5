// Asterisk is never run as root: on Debian, the folder of its modules belongs to the user asterisk.
#include "deploy/asterisk_account.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/trust.hpp"
#include "deploy/sources.hpp"
#include "dialplan/conf_lines.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace pbx::deploy {

namespace fs = std::filesystem;

const char* const install_hint = "install Asterisk, or name its program with --asterisk";

namespace {

fs::path find_program(const std::string& program, std::error_code& failed) {
    fs::path found{program};
    if (program.find('/') == std::string::npos) {
        const char* path = std::getenv("PATH");
        std::string_view folders{path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin"};
        while (!folders.empty()) {
            const auto length = std::min(folders.find(':'), folders.size());
            const auto candidate = fs::path{folders.substr(0, length)} / program;
            if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0) {
                found = candidate;
                break;
            }
            folders.remove_prefix(std::min(length + 1, folders.size()));
        }
    }
    if (found.has_parent_path())
        return fs::canonical(found, failed);
    failed = std::make_error_code(std::errc::no_such_file_or_directory);
    return {};
}

} // namespace

bool is_installed(const std::string& program) {
    std::error_code failed;
    find_program(program, failed);
    return failed != std::errc::no_such_file_or_directory;
}

std::string trusted_program(const std::string& program, uid_t user) {
    std::error_code failed;
    const auto real = find_program(program, failed);
    if (failed)
        throw system_error(Exit::unavailable, "cannot run " + program, failed.value(), install_hint);
    if (const auto fault = trust_fault(real, user); !fault.empty())
        throw Error{Exit::no_permission, fmt::format("{}: the program is not run: {}", program, fault),
                    fmt::format("give it to root (chown root, chmod go-w), with the folders above it, or name another "
                                "with --asterisk")};
    return real.native();
}

Identity asterisk_account(const Folder& folder) {
    struct stat found {};
    if (::fstat(folder.fd(), &found) != 0)
        throw system_error(Exit::io, "cannot look at " + folder.path().native(), errno);
    if (::geteuid() != 0)
        return {::geteuid(), ::getegid()};
    if (found.st_uid != 0)
        return identity_of(found.st_uid, found.st_gid);
    for (const auto* name : {"asterisk", "nobody"})
        if (const auto* entry = ::getpwnam(name); entry != nullptr && entry->pw_uid != 0) {
            log::note("{} belongs to root; the private Asterisk runs as {}", folder.path().native(), name);
            return {entry->pw_uid, entry->pw_gid};
        }
    throw Error{Exit::no_permission, folder.path().native() + " belongs to root, and Asterisk is not run as root",
                "create a user asterisk, and give it the folder"};
}

std::string installed_folders(const Folder& folder, const Identity& user) {
    const auto sources = read_sources(folder, "asterisk.conf", {});
    std::error_code failed;
    const auto trusted = [&](const fs::path& path) {
        auto real = fs::canonical(path, failed);
        if (failed)
            return path;
        if (const auto fault = trust_fault(real, user.user); !fault.empty())
            throw Error{Exit::no_permission,
                        fmt::format("{}: not used for the private Asterisk: {}", path.native(), fault),
                        fmt::format("it must belong to root or {}, and only its owner may write it (chown, chmod go-w)",
                                    account_name(user.user))};
        return real;
    };
    std::string result;
    for (const auto& source : sources) {
        dialplan::for_each_conf_line(source.text, [&](const dialplan::ConfLine& line) {
            const auto setting = dialplan::setting_of(line.code);
            if ((setting.key != "astmoddir" && setting.key != "astdatadir") || !setting.value.starts_with('/'))
                return;
            trusted(folder.path() / source.name);
            result += setting.key + " => " + trusted(setting.value).native() + '\n';
        });
    }
    return result;
}

fs::path trusted_temporary_folder(const Identity& user) {
    std::error_code failed;
    auto place = fs::canonical(temporary_folder(), failed);
    if (failed)
        throw system_error(Exit::cant_create, "cannot use " + temporary_folder().native(), failed.value());
    if (const auto fault = trust_fault(place, user.user); !fault.empty())
        throw Error{Exit::no_permission,
                    fmt::format("{} is not used for the private Asterisk: {}", place.native(), fault),
                    "set TMPDIR to a folder such as /tmp"};
    return place;
}

} // namespace pbx::deploy
