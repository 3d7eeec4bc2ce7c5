// The journal of legs that left the spool.
#include "catch.hpp"
#include "recording/moved.hpp"
#include "temporary_folder.hpp"

#include <sys/stat.h>

#include <ctime>
#include <filesystem>
#include <fstream>

using pbx::Folder;
using pbx::recording::Moved;

namespace {

constexpr std::int64_t hour = 3600;

} // namespace

TEST_CASE("legs that left are remembered from a moment on") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    Moved::append(spool, {"old.wav"}, now - 30 * hour);
    Moved::append(spool, {"new.wav", "with blank.wav"}, now - hour);
    const auto moved = Moved::since(spool, now - 25 * hour);
    CHECK(moved.contains("new.wav"));
    CHECK(moved.contains("with blank.wav"));
    CHECK_FALSE(moved.contains("old.wav"));
    CHECK(Moved::since(spool, now - 40 * hour).contains("old.wav"));
}

TEST_CASE("a line that a kill has torn costs no other line") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    Moved::append(spool, {"a.wav"}, now);
    for (const auto& entry : std::filesystem::directory_iterator{folder.path()})
        std::ofstream{entry.path(), std::ios::app} << now << "\ttor";
    Moved::append(spool, {"b.wav"}, now);
    const auto moved = Moved::since(spool, now - hour);
    CHECK(moved.contains("a.wav"));
    CHECK(moved.contains("b.wav"));
}

TEST_CASE("journals older than eight days go") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    Moved::append(spool, {"a.wav"}, now - 240 * hour);
    Moved::append(spool, {"b.wav"}, now);
    CHECK(std::distance(std::filesystem::directory_iterator{folder.path()}, {}) == 1);
}

TEST_CASE("a journal with lines of any length and bytes is read in blocks, and gives its own lines only") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    Moved::append(spool, {"first.wav"}, now);
    const auto journal = std::filesystem::directory_iterator {
        folder.path()
        } -> path();
    {
        std::ofstream out{journal, std::ios::app | std::ios::binary};
        const auto time = std::to_string(now);
        out << time << "\t" << std::string(3'000'000, 'x') << time << "\tinside.wav\n"
            << std::string("\0\n\n\t\n", 5) << "99999999999999999999\tlate.wav\n";
        for (int i = 0; i < 60'000; ++i)
            out << time << "\t" << i << ".wav\n";
    }
    Moved::append(spool, {"last.wav"}, now);
    const auto moved = Moved::since(spool, now - hour);
    CHECK(moved.faults().empty());
    CHECK(moved.contains("first.wav"));
    CHECK(moved.contains("last.wav"));
    for (const auto* name : {"0.wav", "17477.wav", "59999.wav"})
        CHECK(moved.contains(name));
    for (const auto* name : {"60000.wav", "inside.wav", "late.wav", ""})
        CHECK_FALSE(moved.contains(name));
}

TEST_CASE("what is not a journal of ours under a journal's name is reported, and costs no other day") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    Moved::append(spool, {"today.wav"}, now);
    const auto journal = std::filesystem::directory_iterator {
        folder.path()
        } -> path();
    Moved::append(spool, {"before.wav"}, now - 24 * hour);
    std::filesystem::rename(journal, folder.path() / "elsewhere");
    SECTION("a pipe") {
        REQUIRE(::mkfifo(journal.c_str(), 0640) == 0);
    }
    SECTION("a link to a good one") {
        std::filesystem::create_symlink("elsewhere", journal);
    }
    SECTION("a folder") {
        std::filesystem::create_directory(journal);
    }
    CHECK_THROWS_WITH(Moved::append(spool, {"x.wav"}, now),
                      journal.native() + " is not used: it is not a regular file");
    const auto moved = Moved::since(spool, now - 25 * hour);
    REQUIRE(moved.faults().size() == 1);
    CHECK(moved.faults().front().what() == journal.native() + " is not used: it is not a regular file");
    CHECK(moved.contains("before.wav"));
    CHECK_FALSE(moved.contains("today.wav"));
}
