// The names of files that calls get in a folder: pbx-recording-fetch --to.
#include "base/folder.hpp"
#include "catch.hpp"
#include "collect/catalogue.hpp"
#include "temporary_folder.hpp"

#include <chrono>
#include <set>
#include <string>

using pbx::Folder;
using pbx::collect::Catalogue;

TEST_CASE("calls with one name are numbered, and no number is that of a file that is there") {
    const TemporaryFolder temporary;
    temporary.write("day-3.wav", "x");
    const auto folder = Folder::open(temporary.path());
    Catalogue catalogue{folder};
    CHECK(catalogue.choose_file("1/a", "day", "wav") == "day.wav");
    CHECK(catalogue.choose_file("2/a", "day", "wav") == "day-2.wav");
    CHECK(catalogue.choose_file("3/a", "day", "wav") == "day-4.wav");
    CHECK(catalogue.choose_file("4/a", "day", "mp3") == "day.mp3");
    CHECK(catalogue.choose_file("5/a", "day-2", "wav") == "day-2-2.wav");
    CHECK(catalogue.choose_file("6/a", "day", "wav") == "day-5.wav");
}

TEST_CASE("twenty thousand calls with one name get their numbers without a search") {
    const TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path());
    Catalogue catalogue{folder};
    const auto start = std::chrono::steady_clock::now();
    std::set<std::string> files;
    constexpr std::size_t calls = 20'000;
    for (std::size_t i = 0; i < calls; ++i)
        files.insert(catalogue.choose_file(std::to_string(i) + "/a", "day", "wav"));
    CHECK(files.size() == calls);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{5});
}
