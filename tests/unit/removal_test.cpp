// A recording is not removed at the moment at which a recorder opens it.
#include "base/fd.hpp"
#include "catch.hpp"
#include "spool/removal.hpp"
#include "temporary_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

using namespace pbx;

namespace {

struct Recording {
    TemporaryFolder folder;
    Folder spool = Folder::open(folder.path());

    Fd add(const std::string& name) const { return Fd{::open(folder.write(name, name).c_str(), O_RDONLY | O_CLOEXEC)}; }
    bool has(const std::string& name) const { return std::filesystem::exists(folder.path() / name); }
    std::size_t count() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator{folder.path()}, std::filesystem::directory_iterator{}));
    }
};

} // namespace

TEST_CASE("recordings that nobody opens are removed") {
    const Recording recording;
    const auto a = recording.add("a.wav");
    const auto b = recording.add("b.wav");
    const ReadLease first{a.get()};
    const ReadLease second{b.get()};
    CHECK(spool::remove_unless_opened(recording.spool, {{"a.wav", &first}, {"b.wav", &second}}));
    CHECK(recording.count() == 0);
}

TEST_CASE("none of the recordings is removed while a recorder opens one of them, and it goes on in the named file") {
    const Recording recording;
    const auto a = recording.add("a.wav");
    const auto b = recording.add("b.wav");
    struct stat opened {};
    std::jthread recorder;
    {
        const ReadLease first{a.get()};
        const ReadLease second{b.get()};
        REQUIRE(second.writer() == Writer::none);
        recorder = std::jthread{[&] {
            const Fd writing{::open((recording.folder.path() / "b.wav").c_str(), O_RDWR | O_CLOEXEC)};
            ::fstat(writing.get(), &opened);
        }};
        while (!second.is_wanted())
            std::this_thread::yield();
        CHECK_FALSE(spool::remove_unless_opened(recording.spool, {{"a.wav", &first}, {"b.wav", &second}}));
        CHECK(recording.has("a.wav"));
        CHECK(recording.has("b.wav"));
        CHECK(recording.count() == 2);
    }
    recorder.join();
    CHECK(opened.st_nlink == 1);
}

TEST_CASE("a run that was killed while it removed a recording leaves one that gets its name back") {
    const Recording recording;
    recording.folder.write(".pbx-removing-a.wav", "a");
    recording.folder.write(".pbx-removing-b.wav", "b");
    recording.folder.write("b.wav", "another");
    CHECK(spool::restore_name(recording.spool, ".pbx-removing-a.wav") == "a.wav");
    CHECK_FALSE(spool::restore_name(recording.spool, ".pbx-removing-b.wav"));
    CHECK_FALSE(spool::restore_name(recording.spool, "b.wav"));
    CHECK(recording.has("a.wav"));
    CHECK(recording.has(".pbx-removing-b.wav"));
    CHECK(read_file(recording.folder.path() / "b.wav") == "another");
}

TEST_CASE("a recording whose name has no room for another one is removed all the same") {
    const Recording recording;
    const std::string name = std::string(250, 'x') + ".wav";
    const auto file = recording.add(name);
    const ReadLease lease{file.get()};
    CHECK(spool::remove_unless_opened(recording.spool, {{name, &lease}}));
    CHECK(recording.count() == 0);
}

TEST_CASE("nothing is removed when a recording cannot get its name back") {
    const Recording recording;
    const auto a = recording.add("a.wav");
    const ReadLease lease{a.get()};
    const std::string hidden = ".pbx-removing-a.wav"; // what the first is named meanwhile, is hidden in its turn
    const std::string long_name = std::string(250, 'x') + ".wav"; // and this one has no room for a hidden name
    recording.add(long_name);
    CHECK_FALSE(
        spool::remove_unless_opened(recording.spool, {{"a.wav", &lease}, {hidden, &lease}, {long_name, &lease}}));
    CHECK(recording.count() == 2);
    CHECK(read_file(recording.folder.path() / hidden) == "a.wav");
}
