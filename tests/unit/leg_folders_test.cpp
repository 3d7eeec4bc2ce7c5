// Where legs lie in a spool with folders of days.
#include "base/error.hpp"
#include "catch.hpp"
#include "recording/leg_days.hpp"
#include "spool/leg_folders.hpp"
#include "temporary_folder.hpp"

#include <filesystem>
#include <string>
#include <vector>

using namespace pbx;
using namespace pbx::spool;

namespace {

struct Spool {
    TemporaryFolder folder;
    Folder opened = Folder::open(folder.path());
    std::vector<std::string> faults;

    void write(const std::string& path) const {
        std::filesystem::create_directories((folder.path() / path).parent_path());
        folder.write(path, path);
    }
    std::function<void(const Error&)> report() {
        return [this](const Error& error) { faults.emplace_back(error.what()); };
    }
};

} // namespace

TEST_CASE("only the form of a year, a month and a day is a folder of a day") {
    CHECK(is_day_folder("2025/09/01"));
    for (const auto* text :
         {"", "2025", "2025/09", "2025-09-01", "2025/9/1", "2025/09/01/", "/2025/09/01", "x025/09/01"})
        CHECK_FALSE(is_day_folder(text));
}

TEST_CASE("the days in a name are its parts of eight digits") {
    using Days = std::vector<Day>;
    CHECK(recording::days_in_name("out-5551234-100-20250901-101500-1.5.wav") == Days{"2025/09/01"});
    CHECK(recording::days_in_name("20250901-101500-100.wav") == Days{"2025/09/01"});
    CHECK(recording::days_in_name("20250901-20250902-20250901-1.wav") == Days{"2025/09/01", "2025/09/02"});
    for (const auto* name : {"a.wav", "20250901.wav", "a-20250901.wav", "a20250901-1.wav", "202509011-1.wav", "", "-"})
        CHECK(recording::days_in_name(name).empty());
}

TEST_CASE("folders of days are found in order, and other folders and files are not") {
    Spool spool;
    for (const auto* path : {"2025/09/01/a.wav", "2024/12/31/b.wav", "2025/9/2/c.wav", "stitched/d.wav",
                             "20250903/e.wav", "2025/09/04x/f.wav", "2025/10", "2026"})
        spool.write(path);
    std::filesystem::create_directory_symlink(spool.folder.path() / "2025", spool.folder.path() / "2023");
    const LegFolders dated{spool.opened, SpoolLayout::dated};
    CHECK(dated.days(spool.report()) == std::vector<Day>{"2024/12/31", "2025/09/01"});
    REQUIRE(spool.faults.size() == 1);
    CHECK(spool.faults.front().find("2023 is a link") != std::string::npos);
    CHECK(dated.find_day("2025/09/01") != nullptr);
    CHECK(dated.find_day("2025/09/02") == nullptr);
    CHECK_THROWS_AS(dated.find_day("2023/09/01"), Error);
    CHECK(dated.find_day("2025/09/../09") == nullptr);
    const LegFolders flat{spool.opened, SpoolLayout::flat};
    CHECK(flat.days(spool.report()).empty());
    CHECK(flat.find_day("2025/09/01") == nullptr);
}

TEST_CASE("two legs of one name are found wherever they lie, and one that is hidden counts") {
    Spool spool;
    for (const auto* path :
         {"a.wav", "2025/09/01/a.wav", "2025/09/01/b.wav", "2025/09/02/b.wav", "c.wav",
          "2025/09/02/.pbx-removing-c.wav", "d.wav", "2025/09/01/e.wav", "x.txt", "2025/09/01/x.txt"})
        spool.write(path);
    const LegFolders folders{spool.opened, SpoolLayout::dated};
    auto days = folders.days(spool.report());
    const SameNames expected{{"a.wav", {"a.wav", "2025/09/01/a.wav"}},
                             {"b.wav", {"2025/09/01/b.wav", "2025/09/02/b.wav"}},
                             {"c.wav", {"c.wav", "2025/09/02/.pbx-removing-c.wav"}}};
    CHECK(find_same_names(folders, days, spool.report()) == expected);
    CHECK_THROWS_AS(folders.find_one("a.wav", days), Error);
    CHECK(folders.find_one("e.wav", days)->day == "2025/09/01");
    CHECK(folders.find_one("d.wav", days)->day.empty());
    CHECK_FALSE(folders.find_one("f.wav", days));
    CHECK(spool.faults.empty());
}

TEST_CASE("a link, a folder and what a killed run has hidden beside a leg are no second leg") {
    Spool spool;
    for (const auto* path :
         {"2025/09/01/a.wav", "2025/09/02/a.wav/x", "2025/09/01/b.wav", "2025/09/01/.pbx-removing-b.wav"})
        spool.write(path);
    std::filesystem::create_symlink("2025/09/01/a.wav", spool.folder.path() / "a.wav");
    const LegFolders folders{spool.opened, SpoolLayout::dated};
    auto days = folders.days(spool.report());
    CHECK(days == std::vector<Day>{"2025/09/01", "2025/09/02"});
    CHECK(find_same_names(folders, days, spool.report()).empty());
    for (const auto* name : {"a.wav", "b.wav"})
        CHECK(folders.find_one(name, days)->day == "2025/09/01");
    CHECK(spool.faults.empty());
    // A link alone is no leg; in the layout `flat` whoever opens it reports that.
    CHECK_FALSE(folders.find_one("a.wav", {}));
    CHECK(LegFolders{spool.opened, SpoolLayout::flat}.find_one("a.wav", {}));
}

TEST_CASE("the folder of a day that cannot be opened counts as absent, unless a row names it") {
    Spool spool;
    spool.write("2025/09/01/a.wav");
    spool.write("2025/09/03");
    const auto month = spool.folder.path() / "2025/09";
    std::filesystem::create_directory_symlink(month / "01", month / "02");
    const LegFolders folders{spool.opened, SpoolLayout::dated};
    const std::vector<Day> days{"2025/09/02", "2025/09/03", "2025/09/01"};
    CHECK(folders.find("a.wav", days).size() == 1);
    CHECK(folders.find_one("a.wav", days, "2025/09/01")->day == "2025/09/01");
    for (const auto* named : {"2025/09/02", "2025/09/03"})
        CHECK_THROWS_AS(folders.find("a.wav", days, named), Error);
}

TEST_CASE("a walk over the folders goes on after one that cannot be opened, and ends when its caller throws") {
    Spool spool;
    for (const auto* path : {"2025/09/01/a.wav", "2025/09/02", "2025/09/03/c.wav"})
        spool.write(path);
    const LegFolders folders{spool.opened, SpoolLayout::dated};
    const std::vector<Day> days{"2025/09/01", "2025/09/02", "2025/09/03"};
    std::vector<std::string> paths;
    const auto collect = [&](const Day& day, const Folder&, const std::string& name) {
        if (!day.empty())
            paths.push_back(path_below_spool(day, name));
    };
    folders.for_each_name(days, collect, spool.report());
    CHECK(paths == std::vector<std::string>{"2025/09/01/a.wav", "2025/09/03/c.wav"});
    CHECK(spool.faults.size() == 1);
    const auto refuse = [](const Day& day, const Folder&, const std::string&) {
        if (!day.empty())
            throw Error{Exit::temporary, "no time is left"};
    };
    CHECK_THROWS_AS(folders.for_each_name(days, refuse, spool.report()), Error);
    CHECK(spool.faults.size() == 1);
}
