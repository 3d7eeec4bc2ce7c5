// mkdtemp and flock.
#include "base/private_folder.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <stdlib.h> // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX
#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <utility>

namespace pbx {

PrivateFolder::PrivateFolder(const Folder& parent, const std::string& name)
    : above_{Folder::create(parent.path() / name, &parent)} {
    sweep();
    make();
}

PrivateFolder::PrivateFolder(Folder shared, std::string begin, uid_t user)
    : begin_{std::move(begin)}, user_{user}, above_{std::move(shared)} {
    sweep();
    make();
}

void PrivateFolder::make() {
    // Others make, sweep and remove beside us: what they took away of ours is made again.
    for (;;) {
        auto path = (above_.path() / (begin_ + "XXXXXX")).native();
        const bool made = ::mkdtemp(path.data()) != nullptr;
        if (!made && errno != ENOENT)
            throw system_error(Exit::cant_create, "cannot make a folder in " + above_.path().native(), errno);
        if (!made) {
            above_ = Folder::create(above_.path());
            continue;
        }
        const std::filesystem::path mine{path};
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
    std::filesystem::remove_all(folder_->path(), ignored);
    if (begin_.empty())
        std::filesystem::remove(above_.path(), ignored); // unless others are at work in it
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
        std::filesystem::remove_all(above_.path() / name, ignored);
    });
}

} // namespace pbx
