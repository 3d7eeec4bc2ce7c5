// Lets root work on files with only the rights of the account that owns them.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace pbx {

/// An account by its numbers, without supplementary groups.
struct Identity {
    uid_t user;
    gid_t group;
};

/// While it exists, this thread opens, creates and removes files with the rights of `identity`, and new files belong to
/// `identity`. Only root can switch: for other users nothing changes. Throws Error (no_permission).
class FilesAs {
  public:
    explicit FilesAs(const Identity& identity);
    ~FilesAs();
    FilesAs(const FilesAs&) = delete;
    FilesAs& operator=(const FilesAs&) = delete;

  private:
    void restore() const;

    bool changed_;
    std::vector<gid_t> groups_; ///< supplementary groups, to restore
};

/// While it exists, other processes on this machine take this thread for one of `user`, for example a server that asks
/// the kernel who connects to its Unix socket. Only root can switch. Throws Error (no_permission).
class ConnectsAs {
  public:
    explicit ConnectsAs(uid_t user);
    ~ConnectsAs();
    ConnectsAs(const ConnectsAs&) = delete;
    ConnectsAs& operator=(const ConnectsAs&) = delete;
};

/// The account `user` with its primary group. A number without an account gets the group `otherwise`, or nogroup if
/// that is root's.
Identity identity_of(uid_t user, gid_t otherwise);

/// The name of the account, or its number where it has none.
std::string account_name(uid_t user);

/// Whether `group` belongs to `owner` alone: its primary group, with its name and without other members. Debian gives
/// each account such a group, and Ubuntu lets the group write what the account creates.
bool is_private_group(gid_t group, uid_t owner);

} // namespace pbx
