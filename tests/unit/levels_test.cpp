// Levels and digital silence, beside the plainest way to compute them.
#include "audio/levels.hpp"
#include "catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

using pbx::audio::ChannelLevels;
using pbx::audio::LevelMeter;
using pbx::audio::WavFormat;

namespace {

constexpr unsigned rate = 8000;

ChannelLevels plain_levels(const std::vector<short>& samples) {
    int peak = 0;
    double squares = 0;
    std::size_t silent = 0;
    std::size_t run = 0;
    const auto end_run = [&] {
        silent += run >= rate / 50 ? run : 0;
        run = 0;
    };
    for (const int sample : samples) {
        peak = std::max(peak, std::abs(sample));
        squares += static_cast<double>(sample) * sample;
        if (std::abs(sample) <= 8)
            ++run;
        else
            end_run();
    }
    end_run();
    ChannelLevels levels;
    levels.silence = static_cast<double>(silent) / rate;
    if (peak > 0) {
        levels.peak = 20 * std::log10(peak / 32768.0);
        levels.rms = 20 * std::log10(std::sqrt(squares / static_cast<double>(samples.size())) / 32768.0);
    }
    return levels;
}

// Loud and quiet stretches of any length.
std::vector<short> stretches(std::mt19937& random) {
    std::vector<short> samples;
    for (int stretch = 0; stretch < 60; ++stretch) {
        const bool quiet = random() % 2 == 0;
        for (auto left = random() % 400; left > 0; --left)
            samples.push_back(quiet ? static_cast<short>(static_cast<int>(random() % 17) - 8)
                                    : static_cast<short>(random() % 65536 - 32768));
    }
    samples.push_back(-32768);
    return samples;
}

std::string bytes_of(const std::vector<short>& samples) {
    std::string bytes;
    for (const auto sample : samples) {
        bytes += static_cast<char>(sample & 0xff);
        bytes += static_cast<char>((sample >> 8) & 0xff);
    }
    return bytes;
}

void check_same(const ChannelLevels& found, const ChannelLevels& expected) {
    REQUIRE(found.silence == Approx(expected.silence));
    REQUIRE(found.peak.has_value() == expected.peak.has_value());
    if (expected.peak) {
        REQUIRE(*found.peak == Approx(*expected.peak));
        REQUIRE(*found.rms == Approx(*expected.rms));
    }
}

} // namespace

TEST_CASE("levels do not depend on how the bytes are cut into pieces") {
    std::mt19937 random{7};
    for (int round = 0; round < 50; ++round) {
        const auto samples = stretches(random);
        const auto bytes = bytes_of(samples);
        LevelMeter meter{WavFormat{}};
        for (std::size_t at = 0; at < bytes.size();) {
            const auto length = std::min<std::size_t>(random() % 3000, bytes.size() - at);
            meter.add_bytes(std::string_view{bytes}.substr(at, length));
            at += length;
        }
        REQUIRE(meter.levels().size() == 1);
        check_same(meter.levels().front(), plain_levels(samples));
    }
}

TEST_CASE("the levels of two channels are those of each") {
    std::mt19937 random{8};
    auto left = stretches(random);
    auto right = stretches(random);
    left.resize(std::min(left.size(), right.size()));
    right.resize(left.size());
    std::vector<short> both;
    for (std::size_t i = 0; i < left.size(); ++i)
        both.insert(both.end(), {left[i], right[i]});
    WavFormat format;
    format.channels = 2;
    format.block = 4;
    LevelMeter from_bytes{format};
    from_bytes.add_bytes(bytes_of(both));
    LevelMeter from_samples{format};
    from_samples.add_samples(both);
    for (const auto& levels : {from_bytes.levels(), from_samples.levels()}) {
        REQUIRE(levels.size() == 2);
        check_same(levels[0], plain_levels(left));
        check_same(levels[1], plain_levels(right));
    }
}

TEST_CASE("audio without a frame has no levels and no silence") {
    const auto levels = LevelMeter{WavFormat{}}.levels();
    REQUIRE(levels.size() == 1);
    CHECK_FALSE(levels.front().peak);
    CHECK(levels.front().silence == 0);
}
