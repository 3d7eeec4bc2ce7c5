// The journal of legs that left the spool.
#include "catch.hpp"
#include "recording/moved.hpp"
#include "temporary_folder.hpp"

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
