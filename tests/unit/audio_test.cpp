// WAV headers that lie, legs of every kind, joining, and the manifest.
#include "audio/encode.hpp"
#include "audio/join.hpp"
#include "audio/leg_audio.hpp"
#include "audio/manifest.hpp"
#include "audio/wav_header.hpp"
#include "base/checksum.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "temporary_folder.hpp"
#include "wav.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sndfile.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>

using namespace pbx::audio;
using pbx::Fd;

namespace {

LegAudio open_leg(const TemporaryFolder& folder, const std::string& bytes) {
    static int number = 0;
    const auto path = folder.write("leg" + std::to_string(++number) + ".wav", bytes);
    return {Fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)}, "leg"};
}

// Joins `legs`, none of which `manifest` lists yet.
void join_into(int out, const std::vector<LegAudio>& legs, Manifest& manifest) {
    std::vector<LegShape> shapes;
    for (const auto& leg : legs) {
        manifest.legs.push_back({"leg" + std::to_string(shapes.size()), 0, 0, 0});
        shapes.push_back(leg.shape());
    }
    const auto open = [&](std::size_t leg) {
        LegAudio again{Fd{::dup(legs[leg].fd())}, "leg"};
        again.keep_first(shapes[leg].frames);
        return again;
    };
    join(shapes, open, manifest, out, "joined.wav");
}

// The joined file's bytes.
std::string joined(const TemporaryFolder& folder, const std::vector<LegAudio>& legs, Manifest& manifest) {
    const auto path = folder.path() / "joined.wav";
    const Fd out{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    join_into(out.get(), legs, manifest);
    return pbx::read_file(path);
}

std::string checksum_of(const std::string& bytes) {
    pbx::Checksum checksum;
    checksum.add(bytes);
    return checksum.hex();
}

// While it exists, no file can grow beyond this size.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        before_ = ::signal(SIGXFSZ, SIG_IGN);
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit_) == 0);
        const rlimit lower{bytes, limit_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &lower) == 0);
    }
    ~FileSizeLimit() {
        static_cast<void>(::setrlimit(RLIMIT_FSIZE, &limit_));
        static_cast<void>(::signal(SIGXFSZ, before_));
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    rlimit limit_{};
    void (*before_)(int) = nullptr;
};

std::string data_of(const std::string& bytes) {
    const auto header = parse_wav_header(bytes);
    return bytes.substr(header->data_offset, header->data_size);
}

} // namespace

TEST_CASE("the header that Asterisk writes is understood") {
    const auto header = parse_wav_header(wav::leg("abcd"));
    REQUIRE(header);
    CHECK(header->format == WavFormat{});
    CHECK(header->data_offset == 44);
    CHECK(header->data_size == 4);
}

TEST_CASE("a file that is not a WAV file from Asterisk is refused before a library guesses") {
    const std::string samples = wav::chunk("data", "abcd");
    CHECK_THROWS_WITH(parse_wav_header("RIFF"), ContainsSubstring("shorter than a header"));
    CHECK_THROWS_WITH(parse_wav_header(std::string(100, 'x')), ContainsSubstring("RIFF"));
    CHECK_THROWS_WITH(parse_wav_header(wav::file(samples)), ContainsSubstring("before its format"));
    CHECK_THROWS_WITH(parse_wav_header(wav::file(wav::format(3, 1, 8000, 4, 32) + samples)),
                      ContainsSubstring("tag 0x3"));
    CHECK_THROWS_WITH(parse_wav_header(wav::file(wav::format(1, 3, 8000, 6) + samples)),
                      ContainsSubstring("3 channels"));
    CHECK_THROWS_WITH(parse_wav_header(wav::file(wav::format(1, 1, 4000000000U) + samples)), ContainsSubstring("Hz"));
    CHECK_THROWS_WITH(parse_wav_header(wav::file(wav::format(1, 1, 8000, 0) + samples)),
                      ContainsSubstring("do not fit"));
}

TEST_CASE("a header that is longer than the first bytes asks for more") {
    const auto bytes =
        wav::file(wav::format() + wav::chunk("LIST", "INFO" + std::string(8000, 'x')) + wav::chunk("data", "ab"));
    CHECK_FALSE(parse_wav_header(std::string_view{bytes}.substr(0, 4096)));
    const TemporaryFolder folder;
    CHECK(open_leg(folder, bytes).frames() == 1);
}

TEST_CASE("a leg whose sizes were never written is read to its end") {
    const TemporaryFolder folder;
    const auto leg = open_leg(folder, wav::crashed_leg("abcdef") + "g");
    CHECK(leg.unfinished());
    CHECK(leg.frames() == 3);
    CHECK(leg.data_bytes() == 6);
}

TEST_CASE("a leg whose sizes end before its audio does is read to its end") {
    const TemporaryFolder folder;
    const auto continued = wav::leg(std::string(1000, 'x')) + std::string(2000, 'y');
    const auto leg = open_leg(folder, continued);
    CHECK(leg.unfinished());
    CHECK(leg.frames() == 1500);
    auto without_size = wav::leg(std::string(1000, 'x'));
    without_size.replace(without_size.size() - 1004, 4, std::string(4, '\0'));
    CHECK(open_leg(folder, without_size).frames() == 500);
    auto long_form = without_size;
    long_form.replace(0, 8, "RF64\xff\xff\xff\xff").replace(long_form.size() - 1004, 4, "\xff\xff\xff\xff");
    CHECK(open_leg(folder, long_form).frames() == 500);
}

TEST_CASE("chunks behind the audio are none of it") {
    const TemporaryFolder folder;
    const auto audio = std::string(1000, 'x');
    for (const auto& behind : {wav::chunk("LIST", "INFOabcd"), wav::chunk("id3 ", "abc") + wav::chunk("junk", ""),
                               wav::chunk("junk", "abc").substr(0, 11), std::string(1, '\0')}) {
        const auto leg = open_leg(folder, wav::file(wav::format() + wav::chunk("data", audio) + behind));
        CHECK_FALSE(leg.unfinished());
        CHECK(leg.frames() == 500);
    }
}

TEST_CASE("a leg that is shorter than its header states yields the samples that exist") {
    const TemporaryFolder folder;
    const auto leg = open_leg(folder, wav::leg(std::string(1000, 'x')).substr(0, 544));
    CHECK(leg.truncated());
    CHECK(leg.frames() == 250);
}

TEST_CASE("a closed leg without samples is empty, whatever chunks follow") {
    const TemporaryFolder folder;
    const auto leg = open_leg(folder, wav::file(wav::format() + wav::chunk("data", "") + wav::chunk("junk", "abcd")));
    CHECK_FALSE(leg.unfinished());
    CHECK(leg.frames() == 0);
}

TEST_CASE("legs of one format are joined byte for byte, and the manifest states where each begins") {
    const TemporaryFolder folder;
    std::vector<LegAudio> legs;
    legs.push_back(open_leg(folder, wav::leg("aabb")));
    legs.push_back(open_leg(folder, wav::crashed_leg("ccddee")));
    Manifest manifest;
    manifest.linkedid = "1713450004.12";
    manifest.accountcode = "acme";
    manifest.started = "2026-04-18T14:40:04Z";
    manifest.missing = {"gone.wav"};
    const auto bytes = joined(folder, legs, manifest);
    CHECK(data_of(bytes) == "aabbccddee");
    CHECK(manifest.legs == std::vector<Manifest::Leg>{{"leg0", 0, 2, 0}, {"leg1", 2, 3, 0}});

    const auto found = find_manifest(bytes);
    REQUIRE(found);
    CHECK(found->linkedid == "1713450004.12");
    CHECK(found->accountcode == "acme");
    CHECK(found->started == "2026-04-18T14:40:04Z");
    CHECK(found->legs == manifest.legs);
    CHECK(found->missing == manifest.missing);
    CHECK_FALSE(found->trimmed);
    CHECK(found->xxh128 == checksum_of("aabbccddee"));
    CHECK(manifest.xxh128 == found->xxh128);
    CHECK(found->fits(*parse_wav_header(bytes)));
    CHECK(parse_wav_header(bytes)->info.software.substr(0, 11) == "pbx-stitch ");
}

TEST_CASE("of a leg that is trimmed only the beginning is used, and the manifest states how much was left out") {
    const TemporaryFolder folder;
    std::vector<LegAudio> legs;
    legs.push_back(open_leg(folder, wav::leg("aabbcc")));
    legs.push_back(open_leg(folder, wav::leg("ddee")));
    legs.front().keep_first(1);
    Manifest manifest;
    manifest.trimmed = true;
    const auto bytes = joined(folder, legs, manifest);
    CHECK(data_of(bytes) == "aaddee");
    const auto found = find_manifest(bytes);
    REQUIRE(found);
    CHECK(found->trimmed);
    CHECK(found->legs == std::vector<Manifest::Leg>{{"leg0", 0, 1, 2}, {"leg1", 1, 2, 0}});
}

TEST_CASE("a result that cannot be written stays open, since others may have its descriptor once it is closed") {
    const TemporaryFolder folder;
    std::vector<LegAudio> legs;
    legs.push_back(open_leg(folder, wav::leg("abcdef")));
    const Fd full{::open("/dev/full", O_RDWR | O_CLOEXEC)};
    Manifest manifest;
    CHECK_THROWS_AS(join_into(full.get(), legs, manifest), pbx::Error);
    CHECK(::fcntl(full.get(), F_GETFD) >= 0);
    CHECK_THROWS_AS(encode(legs.front(), Encoding::flac, full.get(), "encoded.flac", nullptr), pbx::Error);
    CHECK(::fcntl(full.get(), F_GETFD) >= 0);
}

TEST_CASE("the checksum covers all of the audio, however many blocks it has") {
    const TemporaryFolder folder;
    std::vector<LegAudio> legs;
    std::string samples(3'000'000, 'x');
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<char>(i * 7 + (i >> 10U));
    legs.push_back(open_leg(folder, wav::leg(samples)));
    legs.push_back(open_leg(folder, wav::leg("abcd")));
    Manifest manifest;
    CHECK(data_of(joined(folder, legs, manifest)) == samples + "abcd");
    CHECK(manifest.xxh128 == checksum_of(samples + "abcd"));
}

TEST_CASE("legs that turn out to be unreadable are reported together, after all legs were tried") {
    const TemporaryFolder folder;
    std::vector<LegShape> shapes;
    Manifest manifest;
    for (int i = 0; i < 5; ++i) {
        shapes.push_back(open_leg(folder, wav::leg("abcd")).shape());
        manifest.legs.push_back({"leg" + std::to_string(i), 0, 0, 0});
    }
    const auto path = folder.path() / "joined.wav";
    const Fd out{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    const auto open = [&](std::size_t leg) {
        if (leg % 2 == 1)
            throw pbx::Error{pbx::Exit::data, "leg " + std::to_string(leg) + " is bad"};
        return open_leg(folder, wav::leg("abcd"));
    };
    try {
        join(shapes, open, manifest, out.get(), "joined.wav");
        FAIL("unreadable legs were joined");
    } catch (const LegFaults& legs) {
        REQUIRE(legs.faults().size() == 2);
        CHECK(legs.faults()[0].leg == 1);
        CHECK(legs.faults()[1].why == "leg 3 is bad");
    }
}

TEST_CASE("a leg that changed after it was examined is not joined") {
    const TemporaryFolder folder;
    const std::vector<LegShape> shapes{open_leg(folder, wav::leg("abcd")).shape()};
    Manifest manifest;
    manifest.legs.push_back({"leg0", 0, 0, 0});
    const auto path = folder.path() / "joined.wav";
    const Fd out{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    const auto open = [&](std::size_t) { return open_leg(folder, wav::leg("abcdef")); };
    CHECK_THROWS_WITH(join(shapes, open, manifest, out.get(), "joined.wav"), ContainsSubstring("changed"));
}

TEST_CASE("a manifest whose numbers are not valid counts of frames is refused") {
    WavHeader header;
    const auto is_manifest = [&](const std::string& start, const std::string& frames) {
        header.info.comment = R"({"empty":[],"missing":[],"unreadable":[],"legs":[{"name":"a.wav","start":)" + start +
                              R"(,"frames":)" + frames + "}]}";
        return Manifest::from(header).has_value();
    };
    CHECK(is_manifest("0", "400"));
    for (const std::string& wrong :
         std::vector<std::string>{"-1", "1.0", "1e3", "null", "\"400\"", "1" + std::string(140, '4')}) {
        CAPTURE(wrong);
        CHECK_FALSE(is_manifest("0", wrong));
        CHECK_FALSE(is_manifest(wrong, "400"));
    }
}

TEST_CASE("a disk error while a leg is read is the disk's fault and not the leg's") {
    const TemporaryFolder folder;
    const auto raw = wav::leg(std::string(40'000, 'x'));
    const auto mulaw =
        wav::file(wav::format(WavFormat::mulaw, 1, 8000, 1, 8) + wav::chunk("data", std::string(40'000, 'x')));
    for (const auto& bytes : {raw, mulaw}) {
        const std::vector<LegShape> shapes{open_leg(folder, bytes).shape()};
        Manifest manifest;
        manifest.legs.push_back({"leg0", 0, 0, 0});
        const auto path = folder.path() / "joined.wav";
        const Fd out{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        const auto open_failing = [&](std::size_t) {
            auto leg = open_leg(folder, bytes);
            // From here on no read of the leg succeeds.
            const Fd unreadable{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
            REQUIRE(::dup2(unreadable.get(), leg.fd()) == leg.fd());
            return leg;
        };
        try {
            join(shapes, open_failing, manifest, out.get(), "joined.wav");
            FAIL("a leg was joined that cannot be read");
        } catch (const pbx::Error& error) {
            CHECK(error.status() == pbx::Exit::io);
        } catch (const LegFaults& faults) {
            FAIL("the leg was taken for unreadable: " << faults.faults().front().why);
        }
    }
}

TEST_CASE("an encoded file that a size limit cuts short is an error, whatever the encoder reports") {
    const TemporaryFolder folder;
    std::string samples;
    for (std::uint32_t i = 0, noise = 1; i < 40'000; ++i, noise = noise * 1664525U + 1013904223U)
        samples += static_cast<char>(noise >> 24U);
    const auto encode_into = [&](Encoding encoding, rlim_t limit) {
        const auto path = folder.path() / "encoded";
        const Fd out{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        const auto leg = open_leg(folder, wav::leg(samples));
        const FileSizeLimit limited{limit};
        encode(leg, encoding, out.get(), "the recording", nullptr);
        return std::filesystem::file_size(path);
    };
    for (const auto encoding : {Encoding::flac, Encoding::opus, Encoding::mp3}) {
        const auto whole = encode_into(encoding, RLIM_INFINITY);
        for (const std::uintmax_t lacking : {std::uintmax_t{100}, whole / 10, whole / 2, whole - 1}) {
            INFO(media_type(encoding) << " of " << whole << " bytes, of which " << lacking << " do not fit");
            try {
                encode_into(encoding, whole - lacking);
                FAIL("a file that is not whole was taken for one that is");
            } catch (const pbx::Error& error) {
                CHECK(error.status() == pbx::Exit::cant_create);
            }
        }
    }
}

TEST_CASE("a header that we write can be read back") {
    const WavInfo info{"title", "artist", "date", "software", std::string(200'001, 'c')};
    const auto bytes = make_wav_header({WavFormat::pcm, 2, 16000, 4, 16}, info, 400);
    const auto header = parse_wav_header(bytes);
    REQUIRE(header);
    CHECK(header->format == WavFormat{WavFormat::pcm, 2, 16000, 4, 16});
    CHECK(header->info.title == "title");
    CHECK(header->info.artist == "artist");
    CHECK(header->info.date == "date");
    CHECK(header->info.software == "software");
    CHECK(header->info.comment == info.comment);
    CHECK(header->data_offset == bytes.size());
    CHECK(header->data_size == 400);
    CHECK(header->riff_size == bytes.size() + 400 - 8);
}

TEST_CASE("a header of sizes beyond 32 bits is RF64, and one byte below it is RIFF") {
    const auto empty = make_wav_header({}, {}, 0).size();
    const auto most = 0xfffffffeULL - (empty - 8);
    CHECK(make_wav_header({}, {}, most).substr(0, 4) == "RIFF");
    const auto bytes = make_wav_header({}, {}, most + 2);
    CHECK(bytes.substr(0, 4) == "RF64");
    const auto header = parse_wav_header(bytes);
    REQUIRE(header);
    CHECK(header->data_size == most + 2);
    CHECK(header->data_offset == bytes.size());
    CHECK(header->riff_size == bytes.size() - 8 + most + 2);
}

TEST_CASE("libsndfile finds all of the audio behind our RF64 header") {
    const TemporaryFolder folder;
    WavInfo info;
    info.comment.assign(300'000, 'c');
    const std::uint64_t bytes = 5ULL << 30U;
    const auto header = make_wav_header({}, info, bytes);
    const auto path = folder.write("long.wav", header);
    REQUIRE(::truncate(path.c_str(), static_cast<off_t>(header.size() + bytes)) == 0);
    SF_INFO found{};
    const std::unique_ptr<SNDFILE, decltype(&::sf_close)> file{::sf_open(path.c_str(), SFM_READ, &found), &::sf_close};
    REQUIRE(file);
    CHECK(static_cast<std::uint64_t>(found.frames) == bytes / 2);
    CHECK(found.samplerate == 8000);
    CHECK((found.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_RF64);
}

TEST_CASE("a header longer than the bound is neither written nor read, and its beginning suffices to refuse it") {
    WavInfo info;
    info.comment.assign(WavHeader::longest, 'c');
    CHECK_THROWS_WITH(make_wav_header({}, info, 0), ContainsSubstring("64 MiB"));
    const auto beginning = [](const std::string& id) {
        return "RIFF" + wav::number(0, 4) + "WAVE" + wav::format() + id + wav::number(WavHeader::longest, 4) + "INFO";
    };
    CHECK_THROWS_WITH(parse_wav_header(beginning("LIST")), ContainsSubstring("64 MiB"));
    CHECK_THROWS_WITH(parse_wav_header(beginning("JUNK")), ContainsSubstring("64 MiB"));
}

TEST_CASE("the beginning of a long header tells how many bytes are needed") {
    const auto bytes =
        wav::file(wav::format() + wav::chunk("LIST", "INFO" + std::string(8000, 'x')) + wav::chunk("data", "ab"));
    std::uint64_t needed = 0;
    CHECK_FALSE(parse_wav_header(std::string_view{bytes}.substr(0, 4096), &needed));
    CHECK_FALSE(parse_wav_header(std::string_view{bytes}.substr(0, needed), &needed));
    CHECK(parse_wav_header(std::string_view{bytes}.substr(0, needed)));
}

TEST_CASE("a leg behind a header that libsndfile has no room for is decoded") {
    const TemporaryFolder folder;
    const auto leg =
        open_leg(folder, wav::file(wav::format() + wav::chunk("LIST", "INFO" + std::string(300'000, '\0')) +
                                   wav::chunk("data", "abcd")));
    LegDecoder decoder{leg};
    std::vector<short> samples(10);
    CHECK(decoder.read(samples) == 2);
    CHECK(samples[0] == 'a' + 256 * 'b');
    CHECK(samples[1] == 'c' + 256 * 'd');
}

TEST_CASE("a manifest fits audio that its legs fill without a gap") {
    WavHeader header;
    header.data_size = 10;
    Manifest manifest;
    manifest.legs = {{"a", 0, 2, 0}, {"b", 2, 3, 0}};
    CHECK(manifest.fits(header));
    manifest.legs[1].start = 1;
    CHECK_FALSE(manifest.fits(header));
    manifest.legs[1] = {"b", 2, 2, 0};
    CHECK_FALSE(manifest.fits(header));
    manifest.legs[1] = {"b", 2, ~std::uint64_t{0}, 0};
    CHECK_FALSE(manifest.fits(header));
}

TEST_CASE("a manifest's comment is the JSON that nlohmann's own writer would make of it") {
    Manifest manifest;
    manifest.trimmed = true;
    manifest.legs = {{"a\"\\.wav", 0, 1, 7}, {"caf\xe9.wav", 1, 2, 0}};
    manifest.empty = {"e"};
    manifest.missing = {"m", "n"};
    manifest.consent = "granted";
    manifest.paused = "12-47,80-";
    manifest.xxh128 = std::string(32, 'f');
    const auto text = manifest.comment();
    CHECK(text == nlohmann::json::parse(text).dump());
    manifest.legs.clear();
    CHECK(manifest.comment() == nlohmann::json::parse(manifest.comment()).dump());
}

TEST_CASE("a manifest lacks the legs of a call that it neither holds nor lists as without audio") {
    Manifest manifest;
    manifest.legs = {{"a", 0, 1, 0}, {"b", 1, 0, 9}};
    manifest.empty = {"e"};
    manifest.missing = {"m"};
    manifest.unreadable = {"u"};
    CHECK(manifest.lacking({"a", "b", "e", "m", "u", "late"}) == std::vector<std::string>{"m", "late"});
    CHECK(manifest.first_audible({"late", "b", "a"}) == "a");
    CHECK(manifest.first_audible({"late", "b"}).empty());
}

TEST_CASE("a manifest of a hundred thousand legs is compared quickly") {
    std::vector<std::string> names;
    Manifest manifest;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        names.push_back(std::to_string(i) + ".wav");
        if (i % 2 == 0)
            manifest.legs.push_back({names.back(), i / 2, 1, 0});
        else
            manifest.missing.push_back(names.back());
    }
    const auto began = std::chrono::steady_clock::now();
    CHECK(manifest.lists(names));
    CHECK(manifest.lacking(names).size() == 50'000);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{5});
}

TEST_CASE("the same legs give the same bytes") {
    const TemporaryFolder folder;
    std::vector<LegAudio> legs;
    legs.push_back(open_leg(folder, wav::leg("aabb")));
    Manifest first;
    Manifest second;
    CHECK(joined(folder, legs, first) == joined(folder, legs, second));
}

TEST_CASE("a u-law leg beside a wide one is decoded to the higher rate and both channels") {
    const TemporaryFolder folder;
    std::vector<LegAudio> legs;
    // 0xff is silence in u-law, 8,000 Hz; the other leg is stereo at 16,000 Hz.
    legs.push_back(
        open_leg(folder, wav::file(wav::format(7, 1, 8000, 1, 8) + wav::chunk("data", std::string(800, '\xff')))));
    legs.push_back(
        open_leg(folder, wav::file(wav::format(1, 2, 16000, 4) + wav::chunk("data", std::string(400, '\x11')))));
    Manifest manifest;
    const auto bytes = joined(folder, legs, manifest);
    const auto header = parse_wav_header(bytes);
    CHECK(header->format.rate == 16000);
    CHECK(header->format.channels == 2);
    CHECK(manifest.legs == std::vector<Manifest::Leg>{{"leg0", 0, 1600, 0}, {"leg1", 1600, 100, 0}});
    CHECK(data_of(bytes) == std::string(6400, '\0') + std::string(400, '\x11'));
}

TEST_CASE("a manifest lists a call's legs when it accounts for each, in order, and for no other") {
    Manifest manifest;
    manifest.legs = {{"a", 0, 1, 0}, {"c", 1, 1, 0}};
    manifest.empty = {"b"};
    CHECK(manifest.lists({"a", "b", "c"}));
    CHECK_FALSE(manifest.lists({"a", "c"}));
    CHECK_FALSE(manifest.lists({"c", "b", "a"}));
    CHECK_FALSE(manifest.lists({"a", "b", "c", "d"}));
    CHECK_FALSE(manifest.lists({"a", "b"}));
}

TEST_CASE("names that are not UTF-8 survive the manifest's JSON well enough to be recognized") {
    const TemporaryFolder folder;
    Manifest manifest;
    manifest.unreadable = {"caf\xe9.wav"};
    const auto found = find_manifest(joined(folder, {}, manifest));
    REQUIRE(found);
    CHECK(found->lists({"caf\xe9.wav"}));
}

TEST_CASE("a manifest from elsewhere is not trusted before it is checked") {
    const auto with_comment = [](const std::string& comment) {
        return find_manifest(wav::file(wav::format() + wav::chunk("LIST", "INFO" + wav::chunk("ICMT", comment)) +
                                       wav::chunk("data", "")));
    };
    CHECK_FALSE(with_comment("recorded with love"));
    CHECK_FALSE(with_comment("[1,2,3]"));
    CHECK_FALSE(with_comment(R"({"legs":"all of them"})"));
    CHECK_FALSE(with_comment(R"({"legs":[{"name":1}],"empty":[],"missing":[],"unreadable":[]})"));
    CHECK(with_comment(R"({"legs":[],"empty":[],"missing":[],"unreadable":[]})"));
}
