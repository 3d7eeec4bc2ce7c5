// Which files are trusted.
#include "base/error.hpp"
#include "base/trust.hpp"
#include "catch.hpp"
#include "temporary_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

using pbx::Folder;
using pbx::open_trusted;
using pbx::read_trusted;

namespace {

constexpr std::size_t most = 1000;
constexpr uid_t nobody = 65534;

bool is_root() {
    if (::geteuid() != 0)
        WARN("SKIPPED: only root can give files to others");
    return ::geteuid() == 0;
}

} // namespace

TEST_CASE("a file of our own, or of a private group of ours, is read") {
    const TemporaryFolder temporary;
    const auto path = temporary.write("pbx.conf", "text");
    for (const mode_t mode : {0600U, 0640U, 0644U}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CHECK(read_trusted(path, most) == "text");
        CHECK(open_trusted(Folder::open(temporary.path()), "pbx.conf"));
    }
    CHECK_FALSE(read_trusted(temporary.path() / "none", most));
    CHECK_FALSE(open_trusted(Folder::open(temporary.path()), "none"));
    CHECK(read_trusted("/dev/null", most) == "");
}

TEST_CASE("a file that others can write is refused by name") {
    const TemporaryFolder temporary;
    const auto path = temporary.write("pbx.conf", "text");
    REQUIRE(::chmod(path.c_str(), 0646) == 0);
    CHECK_THROWS_WITH(read_trusted(path, most), ContainsSubstring("pbx.conf is not used: everybody can write it"));
    CHECK_THROWS_WITH(open_trusted(Folder::open(temporary.path()), "pbx.conf"), ContainsSubstring("everybody"));
    if (!is_root())
        return;
    // Group root is root's private group, group nobody is not.
    REQUIRE(::chmod(path.c_str(), 0664) == 0);
    CHECK(read_trusted(path, most) == "text");
    REQUIRE(::chown(path.c_str(), 0, nobody) == 0);
    CHECK_THROWS_WITH(read_trusted(path, most), ContainsSubstring("its group can write it"));
}

TEST_CASE("a file of another unprivileged user is refused, and so is one in another user's folder") {
    if (!is_root())
        return;
    const TemporaryFolder temporary;
    const auto path = temporary.write("pbx.conf", "text");
    REQUIRE(::chown(path.c_str(), nobody, nobody) == 0);
    CHECK_THROWS_WITH(read_trusted(path, most), ContainsSubstring("it belongs to nobody"));
    CHECK_THROWS_WITH(open_trusted(Folder::open(temporary.path()), "pbx.conf"),
                      ContainsSubstring("it belongs to nobody"));
    REQUIRE(::chown(path.c_str(), 0, 0) == 0);
    REQUIRE(::chown(temporary.path().c_str(), nobody, nobody) == 0);
    CHECK_THROWS_WITH(read_trusted(path, most), ContainsSubstring("its folder"));
    // A journal of the folder's owner is one of ours.
    REQUIRE(::chown(path.c_str(), nobody, nobody) == 0);
    CHECK(open_trusted(Folder::open(temporary.path()), "pbx.conf"));
}

TEST_CASE("a pipe, a link and a second name of a file are not trusted, and a long file is not read") {
    const TemporaryFolder temporary;
    const auto path = temporary.write("pbx.conf", std::string(most + 1, 'x'));
    const auto folder = Folder::open(temporary.path());
    CHECK_THROWS_WITH(read_trusted(path, most), ContainsSubstring("longer than 1000 bytes"));
    std::filesystem::create_symlink("pbx.conf", temporary.path() / "link");
    CHECK_THROWS_WITH(open_trusted(folder, "link"), ContainsSubstring("not a regular file"));
    REQUIRE(::mkfifo((temporary.path() / "pipe").c_str(), 0600) == 0);
    CHECK_THROWS_WITH(open_trusted(folder, "pipe"), ContainsSubstring("not a regular file"));
    CHECK_THROWS_WITH(read_trusted(temporary.path() / "pipe", most), ContainsSubstring("not a regular file"));
    std::filesystem::create_hard_link(path, temporary.path() / "second");
    CHECK_THROWS_WITH(open_trusted(folder, "second"), ContainsSubstring("hard link"));
}

TEST_CASE("a folder that everybody can write is safe only when it is sticky") {
    const TemporaryFolder temporary;
    const auto path = temporary.write("pbx.conf", "text");
    REQUIRE(::chmod(temporary.path().c_str(), 0777) == 0);
    CHECK_THROWS_WITH(read_trusted(path, most), ContainsSubstring("everybody can write its folder"));
    REQUIRE(::chmod(temporary.path().c_str(), 01777) == 0);
    CHECK(read_trusted(path, most) == "text");
}
