// When the halves of a leg go.
#include "catch.hpp"
#include "recording/weave_leg.hpp"
#include "temporary_folder.hpp"
#include "wav.hpp"

#include <fcntl.h>

#include <filesystem>
#include <string>

using pbx::Fd;
using pbx::Folder;
using pbx::spool::HalvesFolder;

TEST_CASE("no half is removed while a recorder has one of them again") {
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder.path() / "halves");
    for (const auto* side : {"caller", "called"})
        folder.write(std::string{"halves/a."} + side + ".wav", wav::leg(std::string(320, '\1')));
    const auto spool = Folder::open(folder.path());
    const auto halves = HalvesFolder::find(spool);
    REQUIRE(halves);
    auto woven = pbx::recording::weave_leg(*halves, spool, "a.wav");
    REQUIRE(woven);
    woven->file->commit();
    {
        const Fd recorder{::open((folder.path() / "halves/a.called.wav").c_str(), O_RDWR | O_CLOEXEC)};
        remove_halves(*halves, *woven);
        CHECK(halves->find_halves("a.wav").size() == 2);
    }
    remove_halves(*halves, *woven);
    CHECK_FALSE(halves->has("a.wav"));
}
