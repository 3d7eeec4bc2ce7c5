// The journal of legs that left the spool.
#include "catch.hpp"
#include "spool/moved_journal.hpp"
#include "temporary_folder.hpp"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

using pbx::Folder;
using pbx::spool::MovedLegs;
using pbx::spool::record_moved_legs;

namespace {

using std::chrono::hours;

std::chrono::sys_seconds current_time() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

} // namespace

TEST_CASE("legs that left the spool are listed from a given time on") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = current_time();
    CHECK_FALSE(record_moved_legs(spool, {"old.wav"}, now - hours{30}));
    CHECK_FALSE(record_moved_legs(spool, {"new.wav", "with blank.wav"}, now - hours{1}));
    const auto moved = MovedLegs::since(spool, now - hours{25});
    CHECK(moved.contains("new.wav"));
    CHECK(moved.contains("with blank.wav"));
    CHECK_FALSE(moved.contains("old.wav"));
    CHECK(MovedLegs::since(spool, now - hours{40}).contains("old.wav"));
}

TEST_CASE("a line that a kill cut short damages no other line") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = current_time();
    CHECK_FALSE(record_moved_legs(spool, {"a.wav"}, now));
    for (const auto& entry : std::filesystem::directory_iterator{folder.path()})
        std::ofstream{entry.path(), std::ios::app} << now.time_since_epoch().count() << "\ttor";
    CHECK_FALSE(record_moved_legs(spool, {"b.wav"}, now));
    const auto moved = MovedLegs::since(spool, now - hours{1});
    CHECK(moved.contains("a.wav"));
    CHECK(moved.contains("b.wav"));
}

TEST_CASE("journals older than eight days are removed") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = current_time();
    CHECK_FALSE(record_moved_legs(spool, {"a.wav"}, now - hours{240}));
    CHECK_FALSE(record_moved_legs(spool, {"b.wav"}, now));
    CHECK(std::distance(std::filesystem::directory_iterator{folder.path()}, {}) == 1);
}

TEST_CASE("a journal with lines of any length and content is read in blocks, and yields only valid lines") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = current_time();
    CHECK_FALSE(record_moved_legs(spool, {"first.wav"}, now));
    const auto journal = std::filesystem::directory_iterator {
        folder.path()
        } -> path();
    {
        std::ofstream out{journal, std::ios::app | std::ios::binary};
        const auto time = std::to_string(now.time_since_epoch().count());
        out << time << "\t" << std::string(3'000'000, 'x') << time << "\tinside.wav\n"
            << std::string("\0\n\n\t\n", 5) << "99999999999999999999\tlate.wav\n";
        for (int i = 0; i < 60'000; ++i)
            out << time << "\t" << i << ".wav\n";
    }
    CHECK_FALSE(record_moved_legs(spool, {"last.wav"}, now));
    const auto moved = MovedLegs::since(spool, now - hours{1});
    CHECK(moved.faults().empty());
    CHECK(moved.contains("first.wav"));
    CHECK(moved.contains("last.wav"));
    for (const auto* name : {"0.wav", "17477.wav", "59999.wav"})
        CHECK(moved.contains(name));
    for (const auto* name : {"60000.wav", "inside.wav", "late.wav", ""})
        CHECK_FALSE(moved.contains(name));
}

TEST_CASE("anything under a journal's name that is not our journal is reported, and other days are still read") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    const auto now = current_time();
    CHECK_FALSE(record_moved_legs(spool, {"today.wav"}, now));
    const auto journal = std::filesystem::directory_iterator {
        folder.path()
        } -> path();
    CHECK_FALSE(record_moved_legs(spool, {"before.wav"}, now - hours{24}));
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
    CHECK_THROWS_WITH(record_moved_legs(spool, {"x.wav"}, now),
                      journal.native() + " is not used: it is not a regular file");
    const auto moved = MovedLegs::since(spool, now - hours{25});
    REQUIRE(moved.faults().size() == 1);
    CHECK(moved.faults().front().what() == journal.native() + " is not used: it is not a regular file");
    CHECK(moved.contains("before.wav"));
    CHECK_FALSE(moved.contains("today.wav"));
}
