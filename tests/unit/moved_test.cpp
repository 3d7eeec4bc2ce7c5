// The journal of legs that left the spool.
#include "catch.hpp"
#include "recording/moved.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

using pbx::Folder;
using pbx::recording::Moved;

namespace {

struct Spool {
    std::string path = (std::filesystem::temp_directory_path() / "pbx-moved-XXXXXX").native();
    Folder folder = Folder::open(::mkdtemp(path.data()) != nullptr ? path : std::string{"/nowhere"});
    Spool() = default;
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;
    ~Spool() { std::filesystem::remove_all(path); }
};

constexpr std::int64_t hour = 3600;

} // namespace

TEST_CASE("legs that left are remembered from a moment on") {
    const Spool spool;
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    Moved::append(spool.folder, {"old.wav"}, now - 30 * hour);
    Moved::append(spool.folder, {"new.wav", "with blank.wav"}, now - hour);
    const auto moved = Moved::since(spool.folder, now - 25 * hour);
    CHECK(moved.contains("new.wav"));
    CHECK(moved.contains("with blank.wav"));
    CHECK_FALSE(moved.contains("old.wav"));
    CHECK(Moved::since(spool.folder, now - 40 * hour).contains("old.wav"));
}

TEST_CASE("a line that a kill has torn costs no other line") {
    const Spool spool;
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    Moved::append(spool.folder, {"a.wav"}, now);
    for (const auto& entry : std::filesystem::directory_iterator{spool.path})
        std::ofstream{entry.path(), std::ios::app} << now << "\ttor";
    Moved::append(spool.folder, {"b.wav"}, now);
    const auto moved = Moved::since(spool.folder, now - hour);
    CHECK(moved.contains("a.wav"));
    CHECK(moved.contains("b.wav"));
}

TEST_CASE("journals older than eight days go") {
    const Spool spool;
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    Moved::append(spool.folder, {"a.wav"}, now - 240 * hour);
    Moved::append(spool.folder, {"b.wav"}, now);
    CHECK(std::distance(std::filesystem::directory_iterator{spool.path}, {}) == 1);
}
