// mkdtemp and flock.
#include "base/private_folder.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <stdlib.h> // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

namespace pbx {

namespace {

// Its content will be removed, so it must be a folder, not a link, and belong to us, root or the owner of `parent`. If
// another run removes it at the same time, it is created again.
Folder make_above(const Folder& parent, const std::string& name) {
    const auto path = parent.path() / name;
    const auto refuse = [&](const char* fault) {
        return Error{Exit::no_permission, path.native() + " is not used: " + fault,
                     "find out which program created it, then remove it"};
    };
    for (;;) {
        auto made = Folder::create(path, &parent);
        struct stat folder {};
        struct stat around {};
        if (::fstat(made.fd(), &folder) != 0 || ::fstat(parent.fd(), &around) != 0)
            throw system_error(Exit::io, "cannot look at folder " + path.native(), errno);
        const auto named = parent.look(name);
        if (named && !S_ISDIR(named->st_mode))
            throw refuse("it is a link, not a folder");
        if (!named || named->st_dev != folder.st_dev || named->st_ino != folder.st_ino)
            continue;
        if (folder.st_uid != 0 && folder.st_uid != ::geteuid() && folder.st_uid != around.st_uid)
            throw refuse("it belongs to another user");
        return made;
    }
}

// A path into this very folder, even after the folder was renamed or replaced.
std::string beneath(const Folder& folder, const std::string& name) {
    return "/proc/self/fd/" + std::to_string(folder.fd()) + "/" + name;
}

} // namespace

PrivateFolder::PrivateFolder(const Folder& parent, const std::string& name) : above_{make_above(parent, name)} {
    sweep();
    make([&] { above_ = make_above(parent, name); });
}

PrivateFolder::PrivateFolder(Folder shared, std::string begin, uid_t user)
    : begin_{std::move(begin)}, user_{user}, above_{std::move(shared)} {
    sweep();
    make([] {});
}

void PrivateFolder::make(const std::function<void()>& renew_above) {
    // Other runs create, sweep and remove folders at the same time. If they remove ours, create it again.
    for (;; renew_above()) {
        auto path = beneath(above_, begin_ + "XXXXXX");
        const bool made = ::mkdtemp(path.data()) != nullptr;
        if (!made && errno != ENOENT)
            throw system_error(Exit::cant_create, "cannot make a folder in " + above_.path().native(), errno);
        if (!made)
            continue;
        const auto mine = above_.path() / std::filesystem::path{path}.filename();
        struct stat held {};
        try {
            folder_ = Folder::open(mine);
        } catch (const Error&) {
            std::error_code ignored;
            if (std::filesystem::exists(mine, ignored))
                throw;
            continue;
        }
        if (::flock(folder_->fd(), LOCK_EX | LOCK_NB) != 0 || ::fstat(folder_->fd(), &held) != 0)
            continue;
        if (const auto named = above_.look(mine.filename().native()); named && named->st_ino == held.st_ino)
            return;
    }
}

PrivateFolder::~PrivateFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(beneath(above_, folder_->path().filename()), ignored);
    if (begin_.empty())
        std::filesystem::remove(above_.path(), ignored); // fails while other runs use it
}

void PrivateFolder::sweep() const {
    above_.for_each_name([&](const std::string& name) {
        if (!name.starts_with(begin_))
            return;
        const Fd fd{::openat(above_.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        struct stat found {};
        if (!fd || ::fstat(fd.get(), &found) != 0 || (!begin_.empty() && found.st_uid != user_) ||
            ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
            return;
        std::error_code ignored;
        std::filesystem::remove_all(beneath(above_, name), ignored);
    });
}

} // namespace pbx
