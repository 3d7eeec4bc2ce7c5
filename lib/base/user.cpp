// setgroups, setgid, setuid in that order; this cannot be undone.
#include "base/user.hpp"

#include "base/error.hpp"
#include "base/identity.hpp"
#include "base/log.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace pbx {

namespace {

// A user who can redirect the path could choose the folder and the account that root switches to.
void require_own_links(const std::filesystem::path& folder, uid_t owner) {
    std::filesystem::path so_far;
    for (const auto& part : folder) {
        so_far /= part;
        struct stat status {};
        if (::lstat(so_far.c_str(), &status) == 0 && S_ISLNK(status.st_mode) && status.st_uid != 0 &&
            status.st_uid != owner)
            throw Error{Exit::no_permission,
                        so_far.native() + " is a link that belongs to " + account_name(status.st_uid) +
                            ", and leads root to " + folder.native(),
                        "name the folder itself, or give the link to root: chown -h root: " + so_far.native()};
    }
}

void set_home(const passwd* user) {
    const std::string name = user == nullptr ? "" : user->pw_name;
    ::setenv("HOME", user == nullptr ? "/" : user->pw_dir, 1);
    for (const char* variable : {"USER", "LOGNAME"})
        if (name.empty())
            ::unsetenv(variable);
        else
            ::setenv(variable, name.c_str(), 1);
    for (const char* variable : {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"})
        ::unsetenv(variable);
    if (const char* temporary = std::getenv("TMPDIR"); temporary != nullptr && ::access(temporary, W_OK | X_OK) != 0)
        ::unsetenv("TMPDIR");
}

} // namespace

void become_owner_of(const std::filesystem::path& folder) {
    struct stat status {};
    if (::geteuid() != 0 || ::stat(folder.c_str(), &status) != 0 || status.st_uid == 0)
        return;
    const auto owner = status.st_uid;
    require_own_links(folder, owner);
    const auto* user = ::getpwuid(owner);
    const auto group = user == nullptr ? status.st_gid : user->pw_gid;
    const auto groups = user == nullptr ? ::setgroups(1, &group) : ::initgroups(user->pw_name, group);
    if (groups != 0 || ::setgid(group) != 0 || ::setuid(owner) != 0 || ::geteuid() != owner || ::setuid(0) == 0)
        throw system_error(Exit::no_permission,
                           "cannot continue as " + account_name(owner) + ", who owns " + folder.native(), errno,
                           "run it as that user: sudo -u " + account_name(owner) + " " + log::tool());
    set_home(user);
    log::note("continuing as {}, who owns {}", account_name(owner), folder.native());
}

} // namespace pbx
