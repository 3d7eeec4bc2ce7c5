// How much of the disk the suite leaves to the recorders, and how long stitched recordings stay on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::recording {

struct SpaceRules {
    double reserve_share = 0.05;     ///< of the spool's file system, from 0 to 1
    std::uint64_t reserve_bytes = 0; ///< used instead of a share of 0
    std::optional<std::chrono::seconds> keep_time;
    std::optional<std::uint64_t> keep_bytes; ///< of all stitched recordings together

    /// Bytes of a file system of `total` bytes that stay free.
    std::uint64_t reserve_of(std::uint64_t total) const;
};

/// Bytes of "500M" or "2G", in powers of 1024; nothing unless the text is a number followed by K, M, G or T.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// Sets the reserve from "5%", "500M" or "2G" (powers of 1024). Throws Error (config).
void set_reserve(SpaceRules& rules, const std::string& text);

/// Sets how long or how much to keep from a time ("30d") or a size ("20G"). Throws Error (config).
void set_keep_stitched(SpaceRules& rules, const std::string& text);

} // namespace pbx::recording
