// Files that appear whole or not at all.
#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "temporary_folder.hpp"

#include <sys/stat.h>

#include <vector>

using pbx::AtomicFile;
using pbx::Deadline;
using pbx::Folder;

namespace {

std::size_t names_in(const Folder& folder) {
    std::size_t count = 0;
    folder.for_each_name([&](const std::string&) { ++count; });
    return count;
}

const auto soon = std::chrono::milliseconds{50};

} // namespace

TEST_CASE("a file has its name only after the commit, with its content and mode") {
    const TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path());
    {
        AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
        pbx::write_all(file.fd(), "audio", "test");
        CHECK_FALSE(folder.look("call.wav"));
        file.commit();
    }
    CHECK(pbx::read_file(temporary.path() / "call.wav") == "audio");
    CHECK((folder.look("call.wav")->st_mode & 0777U) == 0640);
    CHECK(names_in(folder) == 1);
}

TEST_CASE("what is not committed leaves the old file and nothing else") {
    const TemporaryFolder temporary;
    temporary.write("call.wav", "old");
    const auto folder = Folder::open(temporary.path());
    {
        AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
        pbx::write_all(file.fd(), "new", "test");
    }
    CHECK(pbx::read_file(temporary.path() / "call.wav") == "old");
    CHECK(names_in(folder) == 1);
}

TEST_CASE("the leftover of a killed writer is taken over, not added to") {
    const TemporaryFolder temporary;
    temporary.write(".call.wav.tmp", "half of something longer");
    const auto folder = Folder::open(temporary.path());
    AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
    pbx::write_all(file.fd(), "whole", "test");
    file.commit();
    CHECK(pbx::read_file(temporary.path() / "call.wav") == "whole");
    CHECK(names_in(folder) == 1);
}

TEST_CASE("two writers of one file take turns") {
    const TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path());
    AtomicFile first{folder, "call.wav", 0640, Deadline::after(soon)};
    CHECK_FALSE(AtomicFile::try_begin(folder, "call.wav", 0640));
    CHECK_THROWS_AS((AtomicFile{folder, "call.wav", 0640, Deadline::after(soon)}), pbx::Error);
    first.commit();
    CHECK(AtomicFile::try_begin(folder, "call.wav", 0640));
}

TEST_CASE("a batch appears whole, also under names as long as the file system allows") {
    const TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path());
    std::vector<AtomicFile> files;
    for (int i = 0; i < 9; ++i) {
        files.emplace_back(folder, std::to_string(i) + std::string(254, 'x'), 0640, Deadline::after(soon));
        pbx::write_all(files.back().fd(), std::to_string(i), "test");
    }
    AtomicFile::commit_all(files, folder);
    for (int i = 0; i < 9; ++i)
        CHECK(pbx::read_file(temporary.path() / (std::to_string(i) + std::string(254, 'x'))) == std::to_string(i));
    CHECK(names_in(folder) == 9);
}

TEST_CASE("only regular files are opened: a link, a pipe and a folder are refused, a free name is nothing") {
    const TemporaryFolder temporary;
    temporary.write("target.wav", "audio");
    std::filesystem::create_symlink("target.wav", temporary.path() / "link.wav");
    std::filesystem::create_directory(temporary.path() / "folder.wav");
    REQUIRE(::mkfifo((temporary.path() / "pipe.wav").c_str(), 0600) == 0);
    const auto folder = Folder::open(temporary.path());
    CHECK(folder.find("target.wav"));
    CHECK_FALSE(folder.find("nothing.wav"));
    CHECK_THROWS_WITH(folder.find("link.wav"), ContainsSubstring("not a regular file"));
    CHECK_THROWS_WITH(folder.find("pipe.wav"), ContainsSubstring("not a regular file"));
    CHECK_THROWS_WITH(folder.find("folder.wav"), ContainsSubstring("not a regular file"));
}
