// The folders that Asterisk and the hourly runs work in.
#include "base/folder.hpp"
#include "base/identity.hpp"
#include "base/lease.hpp"
#include "check/areas.hpp"
#include "check/own_files.hpp"
#include "recording/spool_space.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace pbx::check {

namespace {

std::string in_words(std::uint64_t bytes) {
    constexpr std::array units{"bytes", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); ++unit)
        value /= 1024;
    return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, units.at(unit));
}

void check_rights(const Folder& spool, Findings& findings) {
    const auto status = spool.owner();
    const auto& path = spool.path().native();
    if ((status.st_mode & S_IWOTH) != 0)
        findings.fail(fmt::format("everybody can write {}, and so replace recordings", path), "chmod o-w " + path);
    if ((status.st_mode & S_IRWXU) != S_IRWXU)
        findings.fail(fmt::format("{}, who owns {}, may not write it", account_name(status.st_uid), path),
                      "chmod u+rwx " + path);
    if (status.st_uid == 0)
        findings.warn(
            path + " belongs to root, so an Asterisk that runs as another user cannot record there, and tools that "
                   "root starts keep running as root",
            "give it to the user that Asterisk runs as: chown asterisk: " + path);
    else if (::geteuid() != 0 && ::geteuid() != status.st_uid)
        findings.warn(
            fmt::format("{} belongs to {}, and pbx-check runs as {}", path, account_name(status.st_uid),
                        account_name(::geteuid())),
            fmt::format("run pbx-check as {} or root, or give that user the folder", account_name(status.st_uid)));
    if (std::none_of(findings.all().begin(), findings.all().end(),
                     [](const Finding& found) { return found.state != State::ok; }))
        findings.ok(fmt::format("{} belongs to {}", path, account_name(status.st_uid)));
}

bool is_scarce(std::uint64_t free, std::uint64_t total) {
    return total > 0 && free < total / 100;
}

void check_space(const Folder& spool, const recording::SpaceRules& rules, Findings& findings) {
    const auto space = recording::space_of(spool);
    const auto reserve = rules.reserve_of(space.total);
    findings.measure(
        {"spool_free_bytes", "Free space on the spool's file system.", static_cast<double>(space.free), {}});
    findings.measure({"spool_size_bytes", "Size of the spool's file system.", static_cast<double>(space.total), {}});
    const auto& path = spool.path().native();
    constexpr const char* hint = "see The disk fills up in pbx-recording-tools(7)";
    if (space.read_only)
        findings.fail("the file system of " + path + " is mounted read-only", "see dmesg, then: mount -o remount,rw");
    if (is_scarce(space.free, space.total))
        findings.fail(
            fmt::format("the disk of {} is full: {} of {} are free", path, in_words(space.free), in_words(space.total)),
            hint);
    else if (space.free < reserve)
        findings.warn(fmt::format("{} of {} are free on the disk of {}, less than the reserve of {}",
                                  in_words(space.free), in_words(space.total), path, in_words(reserve)),
                      hint);
    else
        findings.ok(fmt::format("{} of {} are free", in_words(space.free), in_words(space.total)));
    if (is_scarce(space.free_files, space.files))
        findings.fail(fmt::format("the file system of {} has room for only {} more files", path, space.free_files),
                      "remove old files there, or make a file system with more inodes");
}

// A file without a name, which nobody sees. Sets `fault` to errno when it cannot be created.
Fd make_nameless(const Folder& spool, int& fault) {
    const FilesAs rights{identity_of(spool.owner().st_uid, spool.owner().st_gid)};
    Fd file{::openat(spool.fd(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    fault = file ? 0 : errno;
    return file;
}

// Whether a lease shows that a program has a file open for writing.
bool leases_work(Fd& file) {
    const Fd reading{::open(fmt::format("/proc/self/fd/{}", file.get()).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!reading || ReadLease{reading.get()}.writer() != Writer::some)
        return false;
    file.reset();
    return ReadLease{reading.get()}.writer() == Writer::none;
}

void check_features(const Folder& spool, Findings& findings) {
    int fault = 0;
    auto file = make_nameless(spool, fault);
    const auto& path = spool.path().native();
    if (!file && fault != EOPNOTSUPP && fault != EISDIR) {
        findings.fail(system_error(Exit::cant_create, "cannot create a file in " + path, fault));
        return;
    }
    if (!file) {
        findings.ok("leases and extended attributes were not tried: this file system has no files without a name");
        return;
    }
    const bool marks = ::fsetxattr(file.get(), "user.pbx.check", "1", 1, 0) == 0;
    const bool leases = leases_work(file);
    if (!marks)
        findings.warn(path +
                          " is on a file system without extended attributes, so each run asks the archive about every "
                          "stitched recording",
                      "use ext4, XFS or Btrfs");
    if (!leases)
        findings.warn(path +
                          " is on a file system without leases, so only the age of a leg and /proc show that Asterisk "
                          "still writes it",
                      "use a local file system such as ext4 or XFS");
    if (marks && leases)
        findings.ok("leases and extended attributes work");
}

} // namespace

void check_spool(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    const auto spool = Folder::open(options.places.spool);
    check_rights(spool, findings);
    check_space(spool, options.places.space, findings);
    check_features(spool, findings);
    check_own_files(spool, options, deadline, findings);
}

} // namespace pbx::check
