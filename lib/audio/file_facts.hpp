// What is known of a file once its bytes have been read: size, hashes, and what its audio is like.
#pragma once

#include "audio/levels.hpp"
#include "audio/wav_header.hpp"
#include "base/content.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pbx::audio {

struct AudioFacts {
    Frames frames = 0;
    std::uint32_t rate = 0; ///< frames per second
    std::uint32_t channels = 0;
    std::string codec;                 ///< pcm16, mulaw, alaw, gsm, or pcm8, pcm24, pcm32
    std::vector<ChannelLevels> levels; ///< empty where the audio cannot be decoded
    bool unfinished = false;           ///< a recorder died: it never wrote the sizes in a header
};

struct FileFacts {
    Content content;
    std::optional<AudioFacts> audio; ///< nothing where read_wav_header() refuses the file
    std::string data_checksum;       ///< of the bytes from the data chunk to the end; empty unless it was asked for
};

enum class DataChecksum { not_wanted, wanted };

/// Reads the first `size` bytes of an open file once. Throws Error (io), also when the file is shorter.
FileFacts take_facts(int fd, std::uint64_t size, const std::string& what,
                     DataChecksum data_checksum = DataChecksum::not_wanted);

} // namespace pbx::audio
