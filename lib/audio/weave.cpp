// Interleaves samples: the first side is left, the second is right.
#include "audio/weave.hpp"

#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace pbx::audio {

namespace {

constexpr std::size_t sample_bytes = 2;
constexpr std::size_t frames_at_once = 1U << 16U;

std::uint32_t rate_of(const WeaveParts& parts) {
    std::uint32_t rate = parts.before ? parts.before->format().rate : 0;
    for (const auto& side : parts.sides) {
        if (!side)
            continue;
        const auto& format = side->format();
        if (!side->shape().is_raw() || format.channels != 1)
            throw Error{Exit::data, side->what() + " is not 16-bit PCM in one channel"};
        if (rate != 0 && rate != format.rate)
            throw Error{Exit::data, fmt::format("{} has {} samples per second, and another part of its leg {}",
                                                side->what(), format.rate, rate)};
        rate = format.rate;
    }
    return rate == 0 ? WavFormat{}.rate : rate;
}

WavFormat format_of(const WeaveParts& parts) {
    WavFormat format;
    format.rate = rate_of(parts);
    format.channels = static_cast<std::uint16_t>(parts.sides.size());
    format.block = static_cast<std::uint16_t>(sample_bytes * format.channels);
    if (parts.before && parts.before->format() != format)
        throw Error{Exit::data, parts.before->what() + " cannot be continued: it has another format"};
    return format;
}

class Writer {
  public:
    Writer(int fd, const std::string& what) : fd_{fd}, what_{what} {}

    void add_header(std::string_view header) { write_all(fd_, header, what_); }

    void add(std::string_view samples) {
        write_all(fd_, samples, what_);
        checksum_.add(samples);
        bytes_ += samples.size();
    }

    /// Compares the file with what was written.
    void verify() {
        const auto header = read_wav_header(fd_, what_);
        const bool is_whole = header.data_size == bytes_ && size_of(fd_, what_) == header.data_offset + bytes_;
        if (!is_whole || checksum_of_range(fd_, header.data_offset, bytes_, what_) != checksum_.hex())
            throw Error{Exit::cant_create, "cannot write " + what_ + ": the file does not hold what was written",
                        "check the free space and the health of the disk"};
    }

  private:
    int fd_;
    const std::string& what_;
    Checksum checksum_;
    std::uint64_t bytes_ = 0;
};

// Samples from `first` on, silence where the side has none.
void read_samples(const std::optional<LegAudio>& side, Frames first, std::span<char> samples) {
    std::size_t got = 0;
    if (side && first < side->frames()) {
        const auto wanted = std::min<std::uint64_t>(samples.size(), (side->frames() - first) * sample_bytes);
        const auto offset = side->data_offset() + first * sample_bytes;
        got = read_at(side->fd(), samples.first(wanted), offset, side->what());
        if (got < wanted)
            throw Error{Exit::io, side->what() + " became shorter while it was read"};
    }
    std::fill(samples.begin() + static_cast<std::ptrdiff_t>(got), samples.end(), '\0');
}

void interleave(std::string_view left, std::string_view right, std::vector<char>& both) {
    both.resize(left.size() + right.size());
    for (std::size_t i = 0; i < left.size(); i += sample_bytes) {
        std::memcpy(&both[2 * i], &left[i], sample_bytes);
        std::memcpy(&both[2 * i + sample_bytes], &right[i], sample_bytes);
    }
}

// The samples of `frames` frames from `first` on, interleaved. Valid until the next call.
class Interleaver {
  public:
    explicit Interleaver(const WeaveParts& parts) : parts_{parts}, samples_(parts.sides.size()) {}

    std::string_view read(Frames first, Frames frames) {
        for (std::size_t side = 0; side < samples_.size(); ++side) {
            samples_[side].resize(frames * sample_bytes);
            read_samples(parts_.sides[side], first, samples_[side]);
        }
        const std::string_view left{samples_.front().data(), samples_.front().size()};
        if (samples_.size() == 1)
            return left;
        interleave(left, {samples_.back().data(), samples_.back().size()}, both_);
        return {both_.data(), both_.size()};
    }

  private:
    const WeaveParts& parts_;
    std::vector<std::vector<char>> samples_;
    std::vector<char> both_;
};

void write_sides(const WeaveParts& parts, Writer& writer) {
    Interleaver interleaver{parts};
    const auto length = length_of_sides(parts);
    for (Frames done = 0; done < length; done += frames_at_once)
        writer.add(interleaver.read(done, std::min<Frames>(frames_at_once, length - done)));
}

} // namespace

std::string WeaveRecord::comment() const {
    nlohmann::ordered_json json{{"woven", nlohmann::ordered_json::array()}};
    for (const auto& source : sources)
        json["woven"].push_back(
            {{"name", source.name}, {"inode", source.inode}, {"size", source.size}, {"modified", source.modified}});
    if (cut)
        json["cut"] = true;
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<WeaveRecord> WeaveRecord::from(const WavInfo& info) {
    // A comment may be anything, and JSON can take fifty times its size in memory.
    constexpr std::size_t longest = 65536;
    if (info.comment.size() > longest)
        return std::nullopt;
    const auto json = nlohmann::json::parse(info.comment, nullptr, false);
    if (!json.is_object() || !json.contains("woven"))
        return std::nullopt;
    try {
        WeaveRecord record;
        for (const auto& source : json.at("woven"))
            record.sources.push_back({source.at("name").get<std::string>(), source.at("inode").get<std::uint64_t>(),
                                      source.at("size").get<std::uint64_t>(),
                                      source.at("modified").get<std::int64_t>()});
        record.cut = json.value("cut", false);
        return record;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

bool is_cut(const LegAudio& leg) {
    const auto record = WeaveRecord::from(leg.info());
    return leg.unfinished() || (record && record->cut);
}

Frames length_of_sides(const WeaveParts& parts) {
    Frames length = 0;
    for (const auto& side : parts.sides)
        length = std::max(length, side ? side->frames() : 0);
    return length;
}

bool begins_with(const WeaveParts& parts, const LegAudio& leg) {
    if (leg.format() != format_of(parts) || leg.frames() > length_of_sides(parts))
        return false;
    Interleaver interleaver{parts};
    std::vector<char> known;
    for (Frames done = 0; done < leg.frames(); done += frames_at_once) {
        const auto samples = interleaver.read(done, std::min<Frames>(frames_at_once, leg.frames() - done));
        known.resize(samples.size());
        const auto got = read_at(leg.fd(), known, leg.data_offset() + done * leg.format().block, leg.what());
        if (samples != std::string_view{known.data(), got})
            return false;
    }
    return true;
}

Frames weave(const WeaveParts& parts, const WeaveRecord& record, int out, const std::string& what) {
    const auto format = format_of(parts);
    const auto frames = length_of_sides(parts) + (parts.before ? parts.before->frames() : 0);
    // No version, so that the same sources always give the same bytes, whichever version wove them.
    const WavInfo info{{}, {}, {}, "pbx-stitch", record.comment()};
    Writer writer{out, what};
    writer.add_header(make_wav_header(format, info, frames * format.block));
    if (parts.before)
        read_blocks(parts.before->fd(), parts.before->data_offset(), parts.before->data_bytes(), parts.before->what(),
                    [&](std::string_view samples) { writer.add(samples); });
    write_sides(parts, writer);
    writer.verify();
    return frames;
}

} // namespace pbx::audio
