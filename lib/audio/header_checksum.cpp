#include "audio/header_checksum.hpp"

#include "base/checksum.hpp"

#include <string_view>

namespace pbx::audio {

std::string checksum_of_header(std::string bytes, const std::string& known) {
    constexpr std::string_view key = R"("header":")";
    if (const auto at = bytes.find(std::string{key} + known + '"'); at != std::string::npos)
        bytes.replace(at + key.size(), known.size(), known.size(), '0');
    Checksum checksum;
    checksum.add(bytes);
    return checksum.hex();
}

} // namespace pbx::audio
