#include "remote/paced_runs.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>

namespace pbx {

namespace {

// Bytes of the largest objects that travel at once, each with its request.
std::uint64_t most_at_once(std::vector<std::uint64_t> sizes, unsigned transfers) {
    constexpr std::uint64_t request = 2'000;
    std::sort(sizes.begin(), sizes.end(), std::greater{});
    const auto count = std::min<std::size_t>(transfers, sizes.size());
    return std::accumulate(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(count), request * count);
}

template <typename Value>
std::vector<Value> take_first(std::vector<Value>& values, std::size_t count) {
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<Value> taken{values.begin(), end};
    values.erase(values.begin(), end);
    return taken;
}

} // namespace

std::vector<std::string>
run_at_pace(Pace& pace, const std::vector<SizedName>& objects, const Deadline& deadline,
            const std::function<RunResult(const std::vector<std::string>& names, const TransferRun& transfer)>& run) {
    std::vector<std::string> names;
    std::vector<std::uint64_t> sizes;
    for (const auto& object : objects) {
        names.push_back(object.name);
        sizes.push_back(object.size);
    }
    TransferRun transfer;
    bool none_arrived = false;
    while (!names.empty() && !deadline.passed()) {
        const auto plan = none_arrived ? pace.all(sizes) : pace.next(sizes);
        const auto part = take_first(names, plan.objects);
        const auto part_sizes = take_first(sizes, plan.objects);
        transfer.transfers = plan.transfers;
        transfer.uploading = most_at_once(part_sizes, plan.transfers);
        const auto began = std::chrono::steady_clock::now();
        const auto result = run(part, transfer);
        none_arrived = result.objects == 0;
        if (none_arrived && result.was_ended && part.size() > 1)
            break;
        const auto bytes =
            std::accumulate(part_sizes.begin(), part_sizes.end(), std::uint64_t{0}) * result.objects / part.size();
        if (!none_arrived)
            pace.measured(bytes, std::chrono::steady_clock::now() - began);
        transfer.objects_before += result.objects;
        transfer.bytes_before += bytes;
    }
    return names;
}

} // namespace pbx
