// Only what root left is repaired: a file of any other user may have been planted.
#include "check/own_files.hpp"

#include "base/atomic_file.hpp"
#include "base/identity.hpp"
#include "spool/halves.hpp"
#include "spool/leg_file.hpp"
#include "spool/leg_folders.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace pbx::check {

namespace {

// Hidden files that the tools keep in the spool.
bool is_ours_in_spool(std::string_view name) {
    constexpr std::array<std::string_view, 4> beginnings{".pbx-", ".facts", ".moved-", ".incoming"};
    return !AtomicFile::final_name(name).empty() ||
           std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view begin) { return name.starts_with(begin); });
}

// Those of recordings, in `stitched` and `stitch-src`.
bool is_ours_in_folder(std::string_view name) {
    return is_ours_in_spool(name) || spool::is_leg_name(name) || name.ends_with(".evicted");
}

// Whether no symbolic link leads to the folder: its owner could point root at any other one.
bool is_reached_without_links(const Folder& folder) {
    std::error_code failed;
    Fd at{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    for (const auto& part : std::filesystem::absolute(folder.path(), failed).relative_path())
        if (!part.empty())
            at = Fd{::openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    struct stat status {};
    return at && ::fstat(at.get(), &status) == 0 && status.st_dev == folder.owner().st_dev &&
           status.st_ino == folder.owner().st_ino;
}

struct Foreign {
    std::size_t count = 0;
    std::string first; ///< a path

    void add(const std::string& path) {
        if (count++ == 0)
            first = path;
    }
};

class OwnFiles {
  public:
    OwnFiles(const Folder& spool, const CheckOptions& options, const Deadline& deadline, Findings& findings)
        : spool_{spool}, options_{options}, deadline_{deadline}, findings_{findings}, owner_{spool.owner().st_uid} {}

    void check() {
        check_legs_in(spool_);
        const spool::LegFolders folders{spool_, options_.places.layout};
        for (const auto& day : folders.days([this](const Error& error) { findings_.fail(error); }))
            if (const auto folder = folders.find_day(day))
                check_legs_in(*folder);
        check_halves();
        for (const auto& path : {options_.places.stitched, options_.places.stitch_src})
            check_folder(path);
        report();
    }

  private:
    // Those that do not belong to the spool's owner.
    void for_each(const Folder& folder, const std::function<void(const std::string&, const struct stat&)>& each) {
        folder.for_each_name([&](const std::string& name) {
            if (deadline_.passed())
                throw Error{Exit::temporary, "not all files of " + folder.path().native() + " were looked at in time",
                            "increase --timeout"};
            const auto status = folder.look(name);
            if (status && status->st_uid != owner_)
                each(name, *status);
        });
    }

    void check_legs_in(const Folder& folder) {
        const bool fix = may_fix(folder);
        for_each(folder, [&](const std::string& name, const struct stat& status) {
            if (is_ours_in_spool(name))
                sort_out(folder, name, status, fix);
            else if (spool::is_leg_name(name) && S_ISREG(status.st_mode))
                legs_.add(folder.path_of(name));
        });
    }

    // Asterisk writes them, as it writes legs.
    void check_halves() {
        try {
            const auto halves = spool::HalvesFolder::find(spool_);
            if (!halves)
                return;
            const auto& folder = halves->folder();
            if (folder.owner().st_uid != owner_)
                halves_.add(folder.path().native());
            for_each(folder, [&](const std::string& name, const struct stat& /*status*/) {
                halves_.add(folder.path_of(name));
            });
        } catch (const Error& error) {
            findings_.fail(error);
        }
    }

    void check_folder(const std::string& path) {
        std::error_code failed;
        if (!std::filesystem::exists(path, failed) && !make_folder(path))
            return;
        const auto folder = Folder::open(path);
        const bool fix = may_fix(folder);
        if (folder.owner().st_uid != owner_)
            sort_out_folder(folder, fix);
        for_each(folder, [&](const std::string& name, const struct stat& status) {
            sort_out(folder, name, status, fix && is_ours_in_folder(name));
        });
    }

    bool may_fix(const Folder& folder) const {
        return options_.fix && ::geteuid() == 0 && is_reached_without_links(folder);
    }

    // Whether it is there now.
    bool make_folder(const std::string& path) {
        const auto parent = std::filesystem::absolute(path).parent_path();
        if (may_make_in(parent)) {
            Folder::create(path, &spool_);
            findings_.ok("created " + path);
            return true;
        }
        struct stat status {};
        if (::stat(parent.c_str(), &status) == 0 && status.st_uid == owner_)
            return false; // the run that needs it creates it
        findings_.warn(fmt::format("{} does not exist, and {} may not create it in {}", path, account_name(owner_),
                                   parent.native()),
                       "run pbx-check --fix as root");
        return false;
    }

    bool may_make_in(const std::filesystem::path& parent) const {
        std::error_code failed;
        return std::filesystem::is_directory(parent, failed) && may_fix(Folder::open(parent));
    }

    // A configured folder may be a mistyped one of the system.
    static bool is_only_ours(const Folder& folder) {
        bool ours = (folder.owner().st_mode & S_IWOTH) == 0;
        folder.for_each_name([&](const std::string& name) { ours = ours && is_ours_in_folder(name); });
        return ours;
    }

    void sort_out_folder(const Folder& folder, bool fix) {
        if (fix && folder.owner().st_uid == 0 && is_only_ours(folder)) {
            spool_.give_to_owner(folder.fd());
            fixed_.add(folder.path().native());
        } else {
            (folder.owner().st_uid == 0 ? roots_ : others_).add(folder.path().native());
        }
    }

    void sort_out(const Folder& folder, const std::string& name, const struct stat& status, bool fix) {
        const auto path = folder.path_of(name);
        if (status.st_uid != 0)
            others_.add(path);
        else if (fix && give(folder, name))
            fixed_.add(path);
        else
            roots_.add(path);
    }

    // A second name could be that of a file of the system.
    bool give(const Folder& folder, const std::string& name) {
        const Fd file{::openat(folder.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
        struct stat status {};
        if (!file || ::fstat(file.get(), &status) != 0 || status.st_uid != 0 || !S_ISREG(status.st_mode) ||
            status.st_nlink != 1)
            return false;
        spool_.give_to_owner(file.get());
        return true;
    }

    void report() {
        const auto owner = account_name(owner_);
        if (fixed_.count > 0)
            findings_.ok(
                fmt::format("gave {} to {}, the first was {}", counted(fixed_.count, "file"), owner, fixed_.first));
        if (roots_.count > 0)
            findings_.fail(fmt::format("{} belonging to root, the first is {}: the hourly runs as {} cannot use them",
                                       counted(roots_.count, "file"), roots_.first, owner),
                           "run pbx-check --fix as root");
        if (others_.count > 0)
            findings_.fail(fmt::format("{} of another user than {}, the first is {}", counted(others_.count, "file"),
                                       owner, others_.first),
                           fmt::format("find out who made them; remove them, or: chown {}: {}", owner, others_.first));
        if (legs_.count > 0)
            findings_.warn(fmt::format("{} not belonging to {}, who owns the spool, the first is {}",
                                       counted(legs_.count, "leg"), owner, legs_.first),
                           "let Asterisk run as the owner of the spool, and give them to that user with chown");
        if (halves_.count > 0)
            findings_.warn(fmt::format("{} of halves not belonging to {}, who owns the spool, the first is {}",
                                       counted(halves_.count, "file"), owner, halves_.first),
                           "let Asterisk run as the owner of the spool, and give them to that user with chown");
        if (roots_.count + others_.count + legs_.count + halves_.count == 0)
            findings_.ok(fmt::format("all files belong to {}", owner));
    }

    const Folder& spool_;
    const CheckOptions& options_;
    const Deadline& deadline_;
    Findings& findings_;
    uid_t owner_;
    Foreign fixed_;
    Foreign roots_;  ///< ours, left by root
    Foreign others_; ///< under our names, by another user
    Foreign legs_;
    Foreign halves_;
};

} // namespace

void check_own_files(const Folder& spool, const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    OwnFiles{spool, options, deadline, findings}.check();
}

} // namespace pbx::check
