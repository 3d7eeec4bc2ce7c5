// Catch2 in either of the two major versions that Debian has: 2 in bookworm, 3 in trixie.
#pragma once

#ifdef PBX_CATCH2_V3
#include <catch2/catch_all.hpp>
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) {
    return Catch::Matchers::Contains(text);
}
#endif
