// Which files in the folder of halves belong to which leg.
#include "base/error.hpp"
#include "catch.hpp"
#include "spool/halves.hpp"
#include "temporary_folder.hpp"

#include <filesystem>
#include <set>
#include <string>

using namespace pbx::spool;
using pbx::Error;
using pbx::Folder;

namespace {

struct Spool {
    TemporaryFolder folder;

    Spool() { std::filesystem::create_directory(folder.path() / "halves"); }
    void add(const std::string& name) const { folder.write("halves/" + name, name); }
    HalvesFolder halves() const { return *HalvesFolder::find(Folder::open(folder.path())); }

    std::multiset<std::string> legs() const {
        std::multiset<std::string> legs;
        halves().for_each_leg([&](const std::string& leg) { legs.insert(leg); }, [](const std::string&) {});
        return legs;
    }
};

using Names = std::multiset<std::string>;

} // namespace

TEST_CASE("each leg in the folder of halves is found once, whichever of its files are there") {
    const Spool spool;
    for (const auto* name :
         {"a.caller.wav", "a.called.wav", "b.called.wav", "c.caller.wav16", "c.called.wav16", "d.wav16"})
        spool.add(name);
    CHECK(spool.legs() == Names{"a.wav", "b.wav", "c.wav", "d.wav"});
    const auto a = spool.halves().find_halves("a.wav");
    REQUIRE(a.size() == 2);
    CHECK(a.at(Side::caller).name == "a.caller.wav");
    CHECK(spool.halves().find_halves("b.wav").count(Side::caller) == 0);
    CHECK(spool.halves().find_halves("d.wav").at(Side::whole).name == "d.wav16");
    CHECK(spool.halves().has("c.wav"));
}

TEST_CASE("other files, hidden ones and names that are not fit for files are no halves") {
    const Spool spool;
    for (const auto* name :
         {".caller.wav", ".x.caller.wav", "x.wav", "x..caller.wav", "notes.txt", "-x.called.wav", "x\n.caller.wav"})
        spool.add(name);
    CHECK(spool.legs().empty());
    for (const auto* leg : {"x.wav", ".wav", "", "../x.wav", "x.caller.wav", ".x.wav", "x"})
        CHECK_FALSE(spool.halves().has(leg));
}

TEST_CASE("a wide half belongs to its own leg only") {
    const Spool spool;
    spool.add("a.caller.wav16");
    CHECK(spool.halves().find_halves("a.caller.wav").empty());
    CHECK(spool.legs() == Names{"a.wav"});
}

TEST_CASE("two recordings of one side are refused") {
    const Spool spool;
    spool.add("a.caller.wav");
    spool.add("a.caller.wav16");
    spool.add("b.wav16");
    spool.add("b.called.wav");
    CHECK(spool.legs() == Names{"a.wav", "b.wav"});
    CHECK_THROWS_AS(spool.halves().find_halves("a.wav"), Error);
    CHECK_THROWS_AS(spool.halves().find_halves("b.wav"), Error);
}

TEST_CASE("a folder of halves that is a link is refused, and one that is not there is none") {
    const TemporaryFolder folder;
    const auto spool = Folder::open(folder.path());
    CHECK_FALSE(HalvesFolder::find(spool));
    std::filesystem::create_directory_symlink("/tmp", folder.path() / "halves");
    CHECK_THROWS_AS(HalvesFolder::find(spool), Error);
}
