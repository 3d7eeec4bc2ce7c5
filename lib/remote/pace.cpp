// A run lasts about half a minute, so that the pace follows the line.
#include "remote/pace.hpp"

#include <algorithm>
#include <numeric>

namespace pbx {

namespace {

constexpr double usual_time = 30; // seconds for one run, and at most for one object
constexpr unsigned most_transfers = 8;
constexpr unsigned transfers_on_an_unknown_line = 2;

std::uint64_t total(const std::vector<std::uint64_t>& sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
}

} // namespace

unsigned Pace::transfers_for(const std::vector<std::uint64_t>& sizes) const {
    if (transfers_ > 0)
        return transfers_;
    if (rate_ <= 0)
        return transfers_on_an_unknown_line;
    const auto average = std::max(1.0, static_cast<double>(total(sizes)) / static_cast<double>(sizes.size()));
    const auto fit = std::clamp(usual_time * rate_ / average, 1.0, double{most_transfers});
    return static_cast<unsigned>(fit);
}

Pace::Run Pace::all(const std::vector<std::uint64_t>& sizes) const {
    return {sizes.size(), transfers_for(sizes)};
}

Pace::Run Pace::next(const std::vector<std::uint64_t>& sizes) const {
    if (transfers_ > 0)
        return all(sizes);
    if (rate_ <= 0) {
        const auto count = std::min(first_, sizes.size());
        return {count, static_cast<unsigned>(count)};
    }
    const auto transfers = transfers_for(sizes);
    std::size_t objects = 0;
    double bytes = 0;
    while (objects < sizes.size()) {
        bytes += static_cast<double>(sizes[objects]);
        if (objects >= transfers && bytes > usual_time * rate_)
            break;
        ++objects;
    }
    return {objects, transfers};
}

void Pace::measured(std::uint64_t bytes, std::chrono::duration<double> time) {
    constexpr double shortest = 0.001;
    rate_ = static_cast<double>(std::max<std::uint64_t>(bytes, 1)) / std::max(time.count(), shortest);
}

} // namespace pbx
