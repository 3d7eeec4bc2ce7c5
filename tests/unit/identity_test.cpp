// Who owns a path, and whose rights apply when files are used.
#include "base/error.hpp"
#include "base/identity.hpp"
#include "base/trust.hpp"
#include "catch.hpp"
#include "temporary_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace {

bool can_open(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        ::close(fd);
    return fd >= 0;
}

} // namespace

TEST_CASE("a file that others can write, or that lies where they can write, is not trusted") {
    const TemporaryFolder folder;
    const auto sub = folder.path() / "sub";
    const auto file = sub / "file";
    std::filesystem::create_directory(sub);
    std::ofstream{file} << "x";
    const auto me = ::geteuid();
    ::chmod(sub.c_str(), 0755);
    ::chmod(file.c_str(), 0644);
    CHECK(pbx::trust_fault(file, me).empty());
    ::chmod(file.c_str(), 0646);
    CHECK(pbx::trust_fault(file, me) == "others can write " + file.native());
    ::chmod(file.c_str(), 0644);
    ::chmod(sub.c_str(), 0777);
    CHECK(pbx::trust_fault(file, me) == "others can write " + sub.native());
    ::chmod(sub.c_str(), 01777);
    CHECK(pbx::trust_fault(file, me).empty());
    CHECK_THROWS_AS(pbx::trust_fault(sub / "nothing", me), pbx::Error);
    if (me != 0)
        return;
    CHECK(::chown(file.c_str(), 12345, 0) == 0);
    CHECK(pbx::trust_fault(file, 0) == file.native() + " belongs to the user 12345");
    CHECK(pbx::trust_fault(file, 12345).empty());
}

TEST_CASE("one thread can use files with another user's rights, for as long as requested") {
    if (::geteuid() != 0)
        return;
    const TemporaryFolder folder;
    const auto file = folder.path() / "secret";
    std::ofstream{file} << "x";
    ::chmod(folder.path().c_str(), 0755);
    ::chmod(file.c_str(), 0600);
    {
        const pbx::FilesAs rights{{12345, 12345}};
        CHECK_FALSE(can_open(file));
        bool other_thread = true;
        std::thread{[&] {
            const pbx::FilesAs nested{{0, 0}};
            other_thread = can_open(file);
        }}.join();
        CHECK_FALSE(other_thread);
    }
    CHECK(can_open(file));
    CHECK(::geteuid() == 0);
}
