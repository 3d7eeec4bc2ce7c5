// A part of a recording.
#pragma once

#include <cstdint>

namespace pbx::recording {

/// Bytes, counted from the recording's beginning.
struct Part {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool operator==(const Part&) const = default;
};

} // namespace pbx::recording
