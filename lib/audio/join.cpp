// Unchanged bytes where formats agree, libsndfile and libsamplerate where they do not.
#include "audio/join.hpp"

#include "audio/header_checksum.hpp"
#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>
#include <samplerate.h>
#include <unistd.h>
#include <version.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace pbx::audio {

namespace {

WavFormat common_format(std::span<const LegShape> legs) {
    WavFormat format;
    if (!legs.empty())
        format.rate = 0;
    for (const auto& leg : legs) {
        format.rate = std::max(format.rate, leg.format.rate);
        format.channels = std::max(format.channels, leg.format.channels);
    }
    format.block = static_cast<std::uint16_t>(2 * format.channels);
    return format;
}

// Rounded to the nearest frame. Converter writes exactly that many.
Frames frames_at(std::uint32_t rate, const LegShape& leg, Frames frames) {
    return (frames * rate + leg.format.rate / 2) / leg.format.rate;
}

// Writes the samples behind room for the header, and then the header, which contains their checksum.
class Output {
  public:
    Output(int fd, const WavFormat& format, std::uint64_t bytes, Manifest& manifest, std::string what)
        : fd_{fd}, format_{format}, bytes_{bytes}, manifest_{manifest}, what_{std::move(what)}, header_size_{
                                                                                                    size_of_header()} {
        if (::lseek(fd_, static_cast<off_t>(header_size_), SEEK_SET) < 0)
            fail(std::strerror(errno));
    }

    // Read and written rather than copied in the kernel, since the checksum needs the bytes as well.
    void add_raw(const LegAudio& leg) {
        read_blocks(leg.fd(), leg.data_offset(), leg.data_bytes(), leg.what(),
                    [this](std::string_view bytes) { append(bytes); });
    }

    void add(std::span<const short> samples) {
        buffer_.clear();
        for (const auto sample : samples) {
            const auto bits = static_cast<unsigned short>(sample);
            buffer_ += static_cast<char>(bits & 0xffU);
            buffer_ += static_cast<char>(bits >> 8U);
        }
        append(buffer_);
    }

    void finish() {
        manifest_.xxh128 = checksum_.hex();
        manifest_.header_xxh128 = checksum_of_header(header(), manifest_.header_xxh128);
        const auto bytes = header();
        if (::lseek(fd_, 0, SEEK_SET) < 0)
            fail(std::strerror(errno));
        write_all(fd_, bytes, what_);
        const auto end = ::lseek(fd_, 0, SEEK_END);
        const auto written = read_wav_header(fd_, what_);
        if (bytes.size() != header_size_ || written.data_offset != header_size_ || written.data_size != bytes_ ||
            written.info.comment != manifest_.comment() || end != static_cast<off_t>(header_size_ + bytes_))
            throw Error{Exit::cant_create, "cannot write " + what_ + ": the file does not hold what was written",
                        "check the free space and the health of the disk"};
    }

  private:
    [[noreturn]] void fail(const char* why) const {
        throw Error{Exit::cant_create, "cannot write " + what_ + ": " + why};
    }

    void append(std::string_view bytes) {
        write_all(fd_, bytes, what_);
        checksum_.add(bytes);
    }

    // The checksums are known only after the audio is written, but their length is fixed.
    std::uint64_t size_of_header() const {
        manifest_.xxh128.assign(Checksum::digits, '0');
        manifest_.header_xxh128.assign(Checksum::digits, '0');
        return header().size();
    }

    std::string header() const {
        const WavInfo info{manifest_.linkedid, manifest_.accountcode, manifest_.started,
                           std::string{stitching_program} + version, manifest_.comment()};
        try {
            return make_wav_header(format_, info, bytes_);
        } catch (const Error& error) {
            throw Error{error.status(), what_ + " has too many legs: " + error.what()};
        }
    }

    int fd_;
    WavFormat format_;
    std::uint64_t bytes_;
    Manifest& manifest_;
    std::string what_;
    std::uint64_t header_size_;
    Checksum checksum_;
    std::string buffer_;
};

// Brings decoded samples of one leg to the rate and channels of the result, exactly `wanted` frames of them.
class Converter {
  public:
    Converter(const LegAudio& leg, const WavFormat& format, Output& output)
        : leg_{leg}, format_{format}, output_{output}, wanted_{frames_at(format.rate, leg.shape(), leg.frames())} {}

    void run() {
        LegDecoder decoder{leg_};
        const bool resample = leg_.format().rate != format_.rate;
        Resampler resampler{resample ? start() : nullptr, &::src_delete};
        std::vector<short> samples(block_frames * leg_.format().channels);
        Frames read = 0;
        while (const auto got = decoder.read(samples)) {
            read += got;
            samples.resize(got * leg_.format().channels);
            widen(samples);
            if (resample)
                convert(*resampler, wide_, false);
            else
                write(wide_);
            samples.resize(block_frames * leg_.format().channels);
        }
        if (read != leg_.frames())
            throw Error{Exit::data,
                        fmt::format("{} cannot be decoded: {} of {} frames", leg_.what(), read, leg_.frames())};
        if (resample)
            convert(*resampler, {}, true);
        // The filter's tail may be a frame short of the rounded length.
        if (written_ < wanted_)
            write(std::vector<short>((wanted_ - written_) * format_.channels));
    }

  private:
    using Resampler = std::unique_ptr<SRC_STATE, decltype(&::src_delete)>;
    static constexpr std::size_t block_frames = 1U << 14U;

    SRC_STATE* start() const {
        int fault = 0;
        SRC_STATE* state = ::src_new(SRC_SINC_MEDIUM_QUALITY, format_.channels, &fault);
        if (state == nullptr)
            throw Error{Exit::software, std::string{"cannot start the resampler: "} + ::src_strerror(fault)};
        return state;
    }

    // One channel becomes two equal ones.
    void widen(const std::vector<short>& samples) {
        if (leg_.format().channels == format_.channels) {
            wide_ = samples;
            return;
        }
        wide_.clear();
        for (const short sample : samples)
            wide_.insert(wide_.end(), format_.channels, sample);
    }

    void convert(SRC_STATE& state, const std::vector<short>& samples, bool last) {
        in_.resize(samples.size());
        ::src_short_to_float_array(samples.data(), in_.data(), static_cast<int>(samples.size()));
        out_.resize(block_frames * 8 * format_.channels);
        SRC_DATA data{};
        data.data_in = in_.data();
        data.input_frames = static_cast<long>(samples.size() / format_.channels);
        data.src_ratio = static_cast<double>(format_.rate) / leg_.format().rate;
        data.end_of_input = last ? 1 : 0;
        do {
            data.data_out = out_.data();
            data.output_frames = static_cast<long>(out_.size() / format_.channels);
            if (const int fault = ::src_process(&state, &data); fault != 0)
                throw Error{Exit::software, std::string{"cannot resample: "} + ::src_strerror(fault)};
            shorts_.resize(static_cast<std::size_t>(data.output_frames_gen) * format_.channels);
            ::src_float_to_short_array(out_.data(), shorts_.data(), static_cast<int>(shorts_.size()));
            write(shorts_);
            data.data_in += data.input_frames_used * format_.channels;
            data.input_frames -= data.input_frames_used;
        } while (data.input_frames > 0 || (last && data.output_frames_gen > 0));
    }

    void write(const std::vector<short>& samples) {
        const auto frames = std::min<Frames>(samples.size() / format_.channels, wanted_ - written_);
        output_.add({samples.data(), static_cast<std::size_t>(frames) * format_.channels});
        written_ += frames;
    }

    const LegAudio& leg_;
    const WavFormat& format_;
    Output& output_;
    Frames wanted_;
    Frames written_ = 0;
    std::vector<short> wide_, shorts_;
    std::vector<float> in_, out_;
};

} // namespace

WavFormat join(std::span<const LegShape> legs, const std::function<LegAudio(std::size_t)>& open, Manifest& manifest,
               int out, const std::string& what) {
    const auto format = common_format(legs);
    const bool raw = std::all_of(legs.begin(), legs.end(),
                                 [&](const LegShape& leg) { return leg.is_raw() && leg.format == format; });
    Frames total = 0;
    manifest.mono.clear();
    for (std::size_t i = 0; i < legs.size(); ++i) {
        auto& entry = manifest.legs.at(i);
        entry.start = total;
        entry.frames = frames_at(format.rate, legs[i], legs[i].frames);
        entry.dropped = frames_at(format.rate, legs[i], legs[i].whole) - entry.frames;
        if (legs[i].format.channels < format.channels)
            manifest.mono.push_back(entry.name);
        total += entry.frames;
    }
    Output output{out, format, total * format.block, manifest, what};
    std::vector<LegFaults::Fault> faults;
    for (std::size_t i = 0; i < legs.size(); ++i) {
        try {
            const auto leg = open(i);
            if (leg.shape() != legs[i])
                throw Error{Exit::io, leg.what() + " changed while it was read"};
            if (raw)
                output.add_raw(leg);
            else
                Converter{leg, format, output}.run();
        } catch (const Error& error) {
            // An error of the disk is not the leg's fault: the leg may be readable again at the next run.
            if (error.status() != Exit::data)
                throw;
            faults.push_back({i, error.what()});
        }
    }
    if (!faults.empty())
        throw LegFaults{std::move(faults)};
    output.finish();
    return format;
}

} // namespace pbx::audio
