// A call's names, owners and legs, and which stitched recordings may be served for it.
#include "base/error.hpp"
#include "catch.hpp"
#include "recording/build.hpp"
#include "recording/damage.hpp"
#include "recording/early_check.hpp"
#include "recording/freshness.hpp"
#include "recording/resolved_call.hpp"
#include "temporary_folder.hpp"
#include "wav.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <thread>

using namespace pbx::recording;
using pbx::Error;
using pbx::Exit;
using pbx::Fd;
using pbx::Folder;
using Place = LocatedLeg::Place;

namespace {

pbx::cdr::Call call_of(std::vector<std::string> legs, std::string account = "tenant-a") {
    return {"1776500000.1", std::move(account), false, {}, {}, std::move(legs), {}};
}

// A spool with the legs a.wav and b.wav, and a call of both.
struct World {
    TemporaryFolder folder;
    LocalLegs legs{Folder::open(folder.path()), pbx::SpoolLayout::flat};
    std::string recording = (folder.path() / "1776500000.1.wav").native();

    World() {
        write_leg("a.wav", "abcd", 1000);
        write_leg("b.wav", "efghij", 1001);
    }

    void write_leg(const std::string& name, const std::string& samples, time_t modified) const {
        set_time(folder.write(name, wav::leg(samples)).native(), modified);
    }

    static void set_time(const std::string& path, time_t seconds) {
        const std::array<timespec, 2> times{{{seconds, 0}, {seconds, 0}}};
        REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) == 0);
    }

    BuildResult build(const pbx::cdr::Call& call) const {
        const Fd out{::open(recording.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        auto result = build_recording(resolve_call(call, legs), Overlap::keep, out.get(), recording);
        set_time(recording, 2000);
        return result;
    }

    Freshness check(const pbx::cdr::Call& call, Overlap overlap = Overlap::keep) const {
        return check_file(resolve_call(call, legs), legs, Folder::open(folder.path()), overlap);
    }
};

Exit failure_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.status();
    }
    return Exit::ok;
}

} // namespace

TEST_CASE("a recording is named by its linkedid, and by its account where accounts share it") {
    auto call = call_of({});
    CHECK(stitched_name(call) == "1776500000.1.wav");
    call.shared = true;
    CHECK(stitched_name(call) == "1776500000.1.tenant-a.wav");
    call.accountcode.clear();
    CHECK(stitched_name(call) == "1776500000.1.wav");
}

TEST_CASE("names that are not fit for a file name get no recording") {
    for (const auto* linkedid : {"../1", "", "-1", ".hidden", "a/b"}) {
        auto call = call_of({});
        call.linkedid = linkedid;
        CHECK(failure_of([&] { stitched_name(call); }) == Exit::data);
    }
    auto call = call_of({}, "../tenant-b");
    CHECK(stitched_name(call) == "1776500000.1.wav");
    call.shared = true;
    CHECK(failure_of([&] { stitched_name(call); }) == Exit::data);
}

TEST_CASE("a call with a leg that another account names too is not resolved") {
    const World world;
    auto call = call_of({"a.wav", "b.wav"});
    CHECK(resolve_call(call, world.legs).legs.size() == 2);
    call.ambiguous = {"b.wav"};
    CHECK(failure_of([&] { resolve_call(call, world.legs); }) == Exit::data);
    CHECK(failure_of([&] { require_own_leg(call, "a.wav"); }) == Exit::ok);
    CHECK(failure_of([&] { require_own_leg(call, "b.wav"); }) == Exit::data);
}

TEST_CASE("a leg is found in the spool before the cache, and a bad name nowhere") {
    const World world;
    const TemporaryFolder cache;
    cache.write("a.wav", wav::leg("cached"));
    cache.write("c.wav", wav::leg("cached"));
    LocalLegs legs{Folder::open(world.folder.path()), pbx::SpoolLayout::flat};
    auto found = legs.find_in_spool(call_of({"a.wav", "c.wav", "../a.wav", "d.wav"}));
    CHECK(found[1].place == Place::elsewhere);
    legs.add_cache(Folder::open(cache.path()));
    legs.find_in_caches(found);
    CHECK(found[0].place == Place::spool);
    CHECK(found[1].place == Place::cache);
    CHECK(found[2].place == Place::refused);
    CHECK(found[3].place == Place::elsewhere);
    CHECK(names_elsewhere(found) == std::vector<std::string>{"d.wav"});
    CHECK(legs.open(found[1]));
    CHECK_FALSE(legs.open(found[3]));
    CHECK(failure_of([&] { legs.open(found[2]); }) == Exit::data);
}

TEST_CASE("a recording is current for the call that it was built for") {
    const World world;
    const auto call = call_of({"a.wav", "b.wav"});
    CHECK(world.build(call).manifest.audible() == 2);
    CHECK(world.check(call).current);
    CHECK(world.check(call, Overlap::trim).reason == "it was made with --overlap keep");
}

TEST_CASE("a recording of another account or linkedid is not current, whatever its name and legs are") {
    const World world;
    world.build(call_of({"a.wav", "b.wav"}, "tenant-b"));
    CHECK(world.check(call_of({"a.wav", "b.wav"}, "tenant-b")).current);
    CHECK_FALSE(world.check(call_of({"a.wav", "b.wav"}, "tenant-a")).current);
    CHECK_FALSE(world.check(call_of({"a.wav", "b.wav"}, "")).current);
    auto other = call_of({"a.wav", "b.wav"}, "tenant-b");
    other.linkedid = "1776500000.2";
    world.build(other);
    CHECK_FALSE(world.check(call_of({"a.wav", "b.wav"}, "tenant-b")).current);
}

TEST_CASE("a recording of other legs, of another length or with a newer leg is not current") {
    const World world;
    const auto call = call_of({"a.wav", "b.wav"});
    world.build(call);
    CHECK_FALSE(world.check(call_of({"a.wav"})).current);
    CHECK_FALSE(world.check(call_of({"b.wav", "a.wav"})).current);
    world.write_leg("b.wav", "efghij", 2001);
    CHECK(world.check(call).reason == "b.wav is newer");
    world.write_leg("b.wav", "efghij", 1001);
    CHECK(world.check(call).current);
    REQUIRE(::truncate(world.recording.c_str(), static_cast<off_t>(std::filesystem::file_size(world.recording) - 1)) ==
            0);
    World::set_time(world.recording, 2000);
    CHECK(world.check(call).reason == "it is not whole");
}

TEST_CASE("a recording that was marked as damaged is not current") {
    const World world;
    const auto call = call_of({"a.wav", "b.wav"});
    world.build(call);
    const Fd file{::open(world.recording.c_str(), O_RDWR | O_CLOEXEC)};
    REQUIRE(mark_damaged(file.get()));
    CHECK(world.check(call).damaged);
    CHECK_FALSE(world.check(call).current);
}

TEST_CASE("a recording that changes after it was read early is read again") {
    const World world;
    world.build(call_of({"a.wav", "b.wav"}));
    const Fd file{::open(world.recording.c_str(), O_RDWR | O_CLOEXEC)};
    EarlyCheck unchanged{world.folder.path(), "1776500000.1"};
    CHECK(unchanged.find_damage(file.get(), "the recording").empty());
    EarlyCheck flipped{world.folder.path(), "1776500000.1"};
    flipped.wait();
    const auto last = static_cast<off_t>(pbx::size_of(file.get(), "the recording")) - 1;
    REQUIRE(::pwrite(file.get(), "?", 1, last) == 1);
    CHECK_THAT(flipped.find_damage(file.get(), "the recording"), ContainsSubstring("damaged"));
}

TEST_CASE("a recording that replaces the one that was read early is read") {
    const World world;
    world.build(call_of({"a.wav", "b.wav"}));
    EarlyCheck early{world.folder.path(), "1776500000.1"};
    early.wait();
    const auto other = world.folder.write("other.wav", pbx::read_file(world.recording));
    const Fd file{::open(other.c_str(), O_RDWR | O_CLOEXEC)};
    const auto last = static_cast<off_t>(pbx::size_of(file.get(), "the recording")) - 1;
    REQUIRE(::pwrite(file.get(), "?", 1, last) == 1);
    CHECK_THAT(early.find_damage(file.get(), "the recording"), ContainsSubstring("damaged"));
}

TEST_CASE("what names no recording is not read early") {
    const World world;
    world.build(call_of({"a.wav", "b.wav"}));
    const Fd file{::open(world.recording.c_str(), O_RDONLY | O_CLOEXEC)};
    for (const auto* const name : {"", "../1776500000.1", "-x", "none", "a\nb"}) {
        EarlyCheck early{world.folder.path(), name};
        CHECK(early.find_damage(file.get(), "the recording").empty());
    }
}

TEST_CASE("a leg that was missing and is here now makes a recording outdated") {
    const World world;
    const auto call = call_of({"a.wav", "late.wav", "b.wav"});
    CHECK(world.build(call).manifest.missing == std::vector<std::string>{"late.wav"});
    CHECK(world.check(call).current);
    world.write_leg("late.wav", "klmn", 1500);
    CHECK(world.check(call).reason == "late.wav was missing and is here now");
}

TEST_CASE("a leg that leaves the spool after it was found counts as gone, not as missing") {
    const World world;
    const auto call = resolve_call(call_of({"a.wav", "b.wav"}), world.legs);
    std::filesystem::remove(world.folder.path() / "b.wav");
    const Fd out{::open(world.recording.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    const auto built = build_recording(call, Overlap::keep, out.get(), world.recording);
    CHECK(built.gone == std::vector<std::string>{"b.wav"});
    CHECK(built.manifest.missing.empty());
    CHECK(pbx::size_of(out.get(), "the recording") == 0);
}

namespace {

// A call whose second leg is in a cache.
struct CachedLeg {
    World world;
    TemporaryFolder cache;
    std::string path = (cache.path() / "b.wav").native();

    CachedLeg() {
        std::filesystem::rename(world.folder.path() / "b.wav", path);
        world.legs.add_cache(Folder::open(cache.path()));
    }

    BuildResult build() const {
        auto call = resolve_call(call_of({"a.wav", "b.wav"}), world.legs);
        world.legs.find_in_caches(call.legs);
        const Fd out{::open(world.recording.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        return build_recording(call, Overlap::keep, out.get(), world.recording);
    }
};

} // namespace

TEST_CASE("a leg in the cache that another process has just written is not taken for one that is recorded") {
    const CachedLeg call;
    const Fd writer{::open(call.path.c_str(), O_WRONLY | O_CLOEXEC)};
    const auto built = call.build();
    CHECK(built.being_written.empty());
    CHECK(built.manifest.legs.size() == 2);
}

TEST_CASE("a leg in the cache that another process replaces is looked for again") {
    const CachedLeg call;
    std::jthread other{[&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::filesystem::copy_file(call.path, call.path + ".new");
            std::filesystem::rename(call.path + ".new", call.path);
        }
    }};
    bool was_replaced = false;
    for (int i = 0; i < 10'000 && !was_replaced; ++i) {
        const auto built = call.build();
        REQUIRE(built.being_written.empty());
        was_replaced = !built.gone.empty();
    }
    CHECK(was_replaced);
}

TEST_CASE("a recording that has the last copy of a leg is found, unless it is another account's") {
    const World world;
    const auto call = call_of({"a.wav", "b.wav"});
    world.build(call);
    pbx::audio::Manifest without_b;
    without_b.missing = {"b.wav"};
    const auto stitched = Folder::open(world.folder.path());
    CHECK(find_last_copy(resolve_call(call, world.legs), stitched, without_b) == "b.wav");
    CHECK(find_last_copy(resolve_call(call, world.legs), stitched, {}).empty());
    CHECK(
        find_last_copy(resolve_call(call_of({"a.wav", "b.wav"}, "tenant-b"), world.legs), stitched, without_b).empty());
}
