// Raw copies where formats agree, libsndfile and libsamplerate where they do not.
#include "audio/join.hpp"

#include "audio/sndfile_writer.hpp"
#include "base/error.hpp"

#include <fmt/format.h>
#include <samplerate.h>
#include <sndfile.h>
#include <unistd.h>
#include <version.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace pbx::audio {

namespace {

// A RIFF size is 32 bits and counts all after its first 8; leave room for the header itself.
constexpr std::uint64_t riff_limit = 0xffffffffULL - (2ULL << 20U);

WavFormat common_format(const std::vector<LegAudio>& legs) {
    WavFormat format;
    if (!legs.empty())
        format.rate = 0;
    for (const auto& leg : legs) {
        format.rate = std::max(format.rate, leg.format().rate);
        format.channels = std::max(format.channels, leg.format().channels);
    }
    format.block = static_cast<std::uint16_t>(2 * format.channels);
    return format;
}

// Rounded to the nearest frame; the resampler is made to give just that many.
Frames frames_at(std::uint32_t rate, const LegAudio& leg, Frames frames) {
    return (frames * rate + leg.format().rate / 2) / leg.format().rate;
}

class Output {
  public:
    Output(int fd, const WavFormat& format, std::uint64_t bytes, const Manifest& manifest, std::string what)
        : fd_{fd}, what_{std::move(what)} {
        SF_INFO info{};
        info.samplerate = static_cast<int>(format.rate);
        info.channels = format.channels;
        info.format = (bytes > riff_limit ? SF_FORMAT_RF64 : SF_FORMAT_WAV) | SF_FORMAT_PCM_16;
        file_ = open_to_write(fd, info);
        if (file_ == nullptr)
            fail(::sf_strerror(nullptr));
        set(SF_STR_TITLE, manifest.linkedid);
        set(SF_STR_ARTIST, manifest.accountcode);
        set(SF_STR_DATE, manifest.started);
        set(SF_STR_SOFTWARE, std::string{"pbx-stitch "} + version);
        set(SF_STR_COMMENT, manifest.comment());
        update_header();
    }
    ~Output() {
        if (file_ != nullptr)
            ::sf_close(file_);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    // Below libsndfile's header, in the kernel.
    void add_raw(const LegAudio& leg) const {
        if (::lseek(fd_, 0, SEEK_END) < 0)
            throw system_error(Exit::cant_create, "cannot write " + what_, errno);
        copy_bytes(leg.fd(), leg.data_offset(), leg.data_bytes(), fd_, leg.what());
    }

    // libsndfile's header counts only frames that it wrote itself, up to the last: write that one once more.
    void count_raw(Frames total, std::uint16_t block) {
        if (total == 0)
            return;
        std::vector<char> last(block);
        const auto end = ::lseek(fd_, 0, SEEK_END);
        if (end < block || read_at(fd_, last, static_cast<std::uint64_t>(end - block), what_) != block ||
            ::sf_seek(file_, static_cast<sf_count_t>(total - 1), SEEK_SET) < 0 ||
            ::sf_write_raw(file_, last.data(), block) != block)
            fail("the last frame cannot be written");
    }

    void add(std::span<const short> samples, std::uint16_t channels) {
        const auto frames = static_cast<sf_count_t>(samples.size() / channels);
        if (::sf_writef_short(file_, samples.data(), frames) != frames)
            fail(errno != 0 ? std::strerror(errno) : ::sf_strerror(file_));
    }

    void finish() {
        update_header();
        // It returns 0 on a full disk; what was written is looked at again by our caller.
        ::sf_close(file_);
        file_ = nullptr;
    }

  private:
    [[noreturn]] void fail(const char* why) const {
        throw Error{Exit::cant_create, "cannot write " + what_ + ": " + why};
    }

    void set(int kind, const std::string& text) {
        if (!text.empty() && ::sf_set_string(file_, kind, text.c_str()) != 0)
            fail(::sf_strerror(file_));
    }

    void update_header() { ::sf_command(file_, SFC_UPDATE_HEADER_NOW, nullptr, 0); }

    int fd_;
    std::string what_;
    SNDFILE* file_ = nullptr;
};

// Brings decoded samples of one leg to the rate and channels of the result, exactly `wanted` frames of them.
class Converter {
  public:
    Converter(const LegAudio& leg, const WavFormat& format, Output& output)
        : leg_{leg}, format_{format}, output_{output}, wanted_{frames_at(format.rate, leg, leg.frames())} {}

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
        output_.add({samples.data(), static_cast<std::size_t>(frames) * format_.channels}, format_.channels);
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

WavFormat join(const std::vector<LegAudio>& legs, Manifest& manifest, int out, const std::string& what) {
    const auto format = common_format(legs);
    const bool raw = std::all_of(legs.begin(), legs.end(),
                                 [&](const LegAudio& leg) { return leg.is_raw() && leg.format() == format; });
    Frames total = 0;
    for (std::size_t i = 0; i < legs.size(); ++i) {
        auto& entry = manifest.legs.at(i);
        entry.start = total;
        entry.frames = frames_at(format.rate, legs[i], legs[i].frames());
        entry.dropped = frames_at(format.rate, legs[i], legs[i].whole_frames()) - entry.frames;
        total += entry.frames;
    }
    Output output{out, format, total * format.block, manifest, what};
    for (std::size_t i = 0; i < legs.size(); ++i) {
        try {
            if (raw)
                output.add_raw(legs[i]);
            else
                Converter{legs[i], format, output}.run();
        } catch (const Error& error) {
            // A disk that fails says nothing of the leg: only what was read and makes no sense is the leg's fault.
            if (error.kind() != Exit::data)
                throw;
            throw LegFault{i, error.what()};
        }
    }
    if (raw)
        output.count_raw(total, format.block);
    output.finish();

    const auto written = read_wav_header(out, what);
    const auto end = ::lseek(out, 0, SEEK_END);
    if (written.data_size != total * format.block || written.info.comment != manifest.comment() ||
        end != static_cast<off_t>(written.data_offset + written.data_size))
        throw Error{Exit::cant_create, "cannot write " + what + ": the file is not what was written to it",
                    "is the disk full?"};
    return format;
}

} // namespace pbx::audio
