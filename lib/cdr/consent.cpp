// The texts come from a database, so only known words pass.
#include "cdr/consent.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace pbx::cdr {

namespace {

constexpr std::array<std::string_view, 5> words{"announced", "granted", "declined", "no-answer", "external"};

} // namespace

std::string consent_text(std::string_view texts) {
    std::array<bool, words.size()> found{};
    while (!texts.empty()) {
        const auto end = std::min(texts.find(','), texts.size());
        const auto* word = std::find(words.begin(), words.end(), texts.substr(0, end));
        if (word != words.end())
            found.at(static_cast<std::size_t>(word - words.begin())) = true;
        texts.remove_prefix(std::min(end + 1, texts.size()));
    }
    std::string result;
    for (std::size_t i = 0; i < words.size(); ++i)
        if (found.at(i))
            result.append(result.empty() ? "" : ",").append(words.at(i));
    return result;
}

} // namespace pbx::cdr
