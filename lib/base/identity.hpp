// Whose rights count: those of the account that files belong to, not those of the root who happens to run the tool.
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

/// While it lives, what this thread opens, creates and removes is allowed to it as to `identity`, and belongs to that.
/// Only root can become somebody else: for other users nothing changes. Throws Error (no_permission).
class FilesAs {
  public:
    explicit FilesAs(const Identity& identity);
    ~FilesAs();
    FilesAs(const FilesAs&) = delete;
    FilesAs& operator=(const FilesAs&) = delete;

  private:
    void restore() const;

    bool changed_;
    std::vector<gid_t> groups_; ///< supplementary ones, to be had again
};

/// The account `user` with its primary group. For a number without an account: `otherwise` as group, unless that is
/// root's.
Identity identity_of(uid_t user, gid_t otherwise);

/// The name of the account, or its number where it has none.
std::string account_name(uid_t user);

/// Whether `group` is that of `owner` alone: its primary group, of its name, without other members. Debian gives each
/// account one, and Ubuntu lets it write what its account creates.
bool is_private_group(gid_t group, uid_t owner);

} // namespace pbx
