// Legs woven from a file for each side, and one channel of a recording in two.
#include "audio/channel.hpp"
#include "audio/join.hpp"
#include "audio/weave.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "temporary_folder.hpp"
#include "wav.hpp"

#include <fcntl.h>

#include <initializer_list>
#include <string>
#include <utility>

using namespace pbx::audio;
using pbx::Error;
using pbx::Exit;
using pbx::Fd;

namespace {

std::string samples(std::initializer_list<int> values) {
    std::string bytes;
    for (const int value : values)
        bytes += wav::number(static_cast<std::uint16_t>(value), 2);
    return bytes;
}

LegAudio leg_of(const TemporaryFolder& folder, const std::string& bytes) {
    static int number = 0;
    const auto path = folder.write("half" + std::to_string(++number), bytes);
    return {Fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)}, "half " + std::to_string(number)};
}

LegAudio leg_of(const TemporaryFolder& folder, std::initializer_list<int> values) {
    return leg_of(folder, wav::leg(samples(values)));
}

struct Woven {
    WavHeader header;
    std::string samples;
};

Fd output(const TemporaryFolder& folder) {
    static int number = 0;
    const auto path = folder.path() / ("out" + std::to_string(++number));
    return Fd{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
}

Woven read(const Fd& file) {
    Woven result{read_wav_header(file.get(), "woven"), {}};
    result.samples = pbx::read_file(file.get(), "woven").substr(result.header.data_offset);
    return result;
}

WeaveParts parts_of(std::optional<LegAudio> caller, std::optional<LegAudio> called) {
    WeaveParts parts;
    parts.sides.push_back(std::move(caller));
    parts.sides.push_back(std::move(called));
    return parts;
}

Woven woven(const TemporaryFolder& folder, const WeaveParts& parts, const WeaveRecord& record = {}) {
    const auto out = output(folder);
    weave(parts, record, out.get(), "woven");
    return read(out);
}

Exit status_of(const TemporaryFolder& folder, const WeaveParts& parts) {
    try {
        woven(folder, parts);
        return Exit::ok;
    } catch (const Error& error) {
        return error.status();
    }
}

} // namespace

TEST_CASE("the caller is left and the called side right") {
    const TemporaryFolder folder;
    const auto both = woven(folder, parts_of(leg_of(folder, {1, 2, 3}), leg_of(folder, {-1, -2, -3})));
    CHECK(both.header.format == WavFormat{WavFormat::pcm, 2, 8000, 4, 16});
    CHECK(both.header.data_size == both.samples.size());
    CHECK(both.samples == samples({1, -1, 2, -2, 3, -3}));
}

TEST_CASE("a side that is shorter, or not there, ends with silence or is silent") {
    const TemporaryFolder folder;
    CHECK(woven(folder, parts_of(leg_of(folder, {1, 2, 3}), leg_of(folder, {-1}))).samples ==
          samples({1, -1, 2, 0, 3, 0}));
    CHECK(woven(folder, parts_of({}, leg_of(folder, {5, 6}))).samples == samples({0, 5, 0, 6}));
    CHECK(woven(folder, parts_of({}, {})).samples.empty());
}

TEST_CASE("a half that was never finished is woven to its end") {
    const TemporaryFolder folder;
    auto parts = parts_of(leg_of(folder, wav::crashed_leg(samples({7, 8}))), leg_of(folder, {1, 2}));
    CHECK(woven(folder, parts).samples == samples({7, 1, 8, 2}));
}

TEST_CASE("one channel stays one channel, and a leg that was woven before is continued") {
    const TemporaryFolder folder;
    WeaveParts parts;
    parts.sides.push_back(leg_of(folder, wav::file(wav::format(1, 1, 16000) + wav::chunk("data", samples({1, 2})))));
    const auto whole = woven(folder, parts);
    CHECK(whole.header.format.rate == 16000);
    CHECK(whole.header.format.channels == 1);
    CHECK(whole.samples == samples({1, 2}));

    const auto first = output(folder);
    weave(parts_of(leg_of(folder, {1}), leg_of(folder, {-1})), {}, first.get(), "first");
    auto longer = parts_of(leg_of(folder, {2}), leg_of(folder, {-2}));
    longer.before.emplace(Fd{::dup(first.get())}, "first");
    CHECK(woven(folder, longer).samples == samples({1, -1, 2, -2}));
}

TEST_CASE("sides that go on where a leg ends begin with it, and others do not") {
    const TemporaryFolder folder;
    const auto file = output(folder);
    weave(parts_of(leg_of(folder, {1, 2}), leg_of(folder, {5})), {}, file.get(), "leg");
    const LegAudio leg{Fd{::dup(file.get())}, "leg"};
    CHECK(begins_with(parts_of(leg_of(folder, {1, 2, 3}), leg_of(folder, {5, 0, 7})), leg));
    CHECK(begins_with(parts_of(leg_of(folder, {1, 2}), leg_of(folder, {5})), leg));
    CHECK_FALSE(begins_with(parts_of(leg_of(folder, {1, 2, 3}), leg_of(folder, {5, 6, 7})), leg));
    CHECK_FALSE(begins_with(parts_of(leg_of(folder, {1}), leg_of(folder, {5})), leg));
    CHECK_FALSE(begins_with(parts_of(leg_of(folder, {3, 4, 5}), leg_of(folder, {6, 7, 8})), leg));
}

TEST_CASE("sides of different rates or forms, and a leg of another form before them, are refused") {
    const TemporaryFolder folder;
    const auto wide = wav::file(wav::format(1, 1, 16000) + wav::chunk("data", samples({1})));
    const auto stereo = wav::file(wav::format(1, 2, 8000, 4) + wav::chunk("data", samples({1, 1})));
    const auto ulaw = wav::file(wav::format(7, 1, 8000, 1, 8) + wav::chunk("data", "xx"));
    for (const auto& odd : {wide, stereo, ulaw})
        CHECK(status_of(folder, parts_of(leg_of(folder, {1}), leg_of(folder, odd))) == Exit::data);
    auto parts = parts_of(leg_of(folder, {1}), leg_of(folder, {1}));
    parts.before = leg_of(folder, {1});
    CHECK(status_of(folder, parts) == Exit::data);
}

TEST_CASE("more audio than fits into one block keeps its sides in step") {
    const TemporaryFolder folder;
    constexpr int frames = 200'000;
    std::string left;
    std::string right;
    std::string both;
    for (int i = 0; i < frames; ++i) {
        left += samples({i % 30011});
        right += i < frames - 70'000 ? samples({-(i % 30013)}) : std::string{};
        both += samples({i % 30011, i < frames - 70'000 ? -(i % 30013) : 0});
    }
    CHECK((woven(folder, parts_of(leg_of(folder, wav::leg(left)), leg_of(folder, wav::leg(right)))).samples == both));
}

TEST_CASE("a woven leg states from which files it was made") {
    const TemporaryFolder folder;
    const WeaveRecord record{{{"a.caller.wav", 12, 44, 1776500000123456789}, {"\xff.wav", 13, 46, -1}}, true};
    const auto leg = woven(folder, parts_of({}, {}), record);
    const auto found = WeaveRecord::from(leg.header.info);
    REQUIRE(found);
    CHECK(found->sources.front() == record.sources.front());
    CHECK(found->sources.size() == 2);
    CHECK(found->cut);
    CHECK_FALSE(WeaveRecord::from({}));
    for (const auto* other : {"{}", "[]", R"({"woven":1})", R"({"woven":[{"name":"a"}]})", R"({"woven":[],"cut":7})"})
        if (const auto odd = WeaveRecord::from({{}, {}, {}, {}, other}))
            CHECK(odd->sources.empty());
}

TEST_CASE("a channel of a recording in two is what one side said, and the mix is the sum") {
    const TemporaryFolder folder;
    const auto file = output(folder);
    weave(parts_of(leg_of(folder, {1, 30000, -30000}), leg_of(folder, {5, 30000, -30000})), {}, file.get(), "leg");
    const LegAudio leg{Fd{::dup(file.get())}, "leg"};
    const auto selected = [&](Channel channel) {
        const auto out = output(folder);
        select_channel(leg, channel, out.get(), "selected");
        const auto result = read(out);
        CHECK(result.header.format == WavFormat{});
        CHECK(result.header.data_size == result.samples.size());
        return result.samples;
    };
    CHECK(selected(Channel::caller) == samples({1, 30000, -30000}));
    CHECK(selected(Channel::called) == samples({5, 30000, -30000}));
    CHECK(selected(Channel::mix) == samples({6, 32767, -32768}));
    CHECK(has_channel(leg, Channel::caller));
    CHECK_FALSE(needs_selection(leg, Channel::both));
    const auto mono = leg_of(folder, {1});
    CHECK_FALSE(has_channel(mono, Channel::caller));
    CHECK(has_channel(mono, Channel::mix));
    CHECK_FALSE(needs_selection(mono, Channel::mix));
}

TEST_CASE("a leg in one channel is in both of a stitched recording, and once in its mix") {
    const TemporaryFolder folder;
    const auto file = output(folder);
    weave(parts_of(leg_of(folder, {100, 200}), leg_of(folder, {10, 20})), {}, file.get(), "leg");
    const auto open = [&](std::size_t leg) {
        return leg == 1 ? LegAudio{Fd{::dup(file.get())}, "two"} : leg_of(folder, {7, 8, 9});
    };
    const std::vector<LegShape> shapes{open(0).shape(), open(1).shape(), open(2).shape()};
    Manifest manifest;
    for (const auto* name : {"one", "two", "three"})
        manifest.legs.push_back({name, 0, 0, 0});
    const auto joined = output(folder);
    join(shapes, open, manifest, joined.get(), "joined");
    CHECK(read(joined).samples == samples({7, 7, 8, 8, 9, 9, 100, 10, 200, 20, 7, 7, 8, 8, 9, 9}));
    const LegAudio recording{Fd{::dup(joined.get())}, "joined"};
    const auto mix = output(folder);
    select_channel(recording, Channel::mix, mix.get(), "mix");
    CHECK(read(mix).samples == samples({7, 8, 9, 110, 220, 7, 8, 9}));
}
