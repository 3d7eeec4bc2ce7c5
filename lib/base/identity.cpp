// setfsuid(2) is per thread, unlike setresuid(2) of the C library, and drops root's right to open every file.
#include "base/identity.hpp"

#include "base/error.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace pbx {

namespace {

constexpr gid_t nogroup = 65534;

bool become(uid_t user, gid_t group) {
    ::setfsgid(group);
    ::setfsuid(user);
    // With an invalid id the calls change nothing and return the current id.
    return static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))) == group &&
           static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) == user;
}

} // namespace

FilesAs::FilesAs(const Identity& identity) : changed_{::geteuid() == 0 && identity.user != 0} {
    if (!changed_)
        return;
    const int count = ::getgroups(0, nullptr);
    groups_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    // A direct system call changes this thread only; the C library's setgroups() would change all threads.
    if (::getgroups(count, groups_.data()) != count || ::syscall(SYS_setgroups, 0, nullptr) != 0 ||
        !become(identity.user, identity.group)) {
        const int why = errno;
        restore();
        throw system_error(Exit::no_permission, "cannot use files as the user " + account_name(identity.user),
                           why != 0 ? why : EPERM);
    }
}

FilesAs::~FilesAs() {
    if (changed_)
        restore();
}

void FilesAs::restore() const {
    become(0, ::getegid());
    ::syscall(SYS_setgroups, groups_.size(), groups_.data());
}

// Again only this thread's: the C library's seteuid() would change all threads.
ConnectsAs::ConnectsAs(uid_t user) {
    if (::syscall(SYS_setresuid, -1, user, -1) != 0)
        throw system_error(Exit::no_permission, "cannot connect as the user " + account_name(user), errno);
}

ConnectsAs::~ConnectsAs() {
    ::syscall(SYS_setresuid, -1, ::getuid(), -1);
}

Identity identity_of(uid_t user, gid_t otherwise) {
    const auto* account = ::getpwuid(user);
    if (account != nullptr)
        return {user, account->pw_gid};
    return {user, otherwise != 0 ? otherwise : nogroup};
}

std::string account_name(uid_t user) {
    const auto* account = ::getpwuid(user);
    return account != nullptr ? account->pw_name : std::to_string(user);
}

bool is_private_group(gid_t group, uid_t owner) {
    const auto* account = ::getpwuid(owner);
    if (account == nullptr || account->pw_gid != group)
        return false;
    const std::string name{account->pw_name};
    const auto* entry = ::getgrgid(group);
    if (entry == nullptr || name != entry->gr_name)
        return false;
    for (auto* const* member = entry->gr_mem; *member != nullptr; ++member)
        if (name != *member)
            return false;
    return true;
}

} // namespace pbx
