// The library's part of one stitched recording, timed without a database: see tests/bench/run.
#include "base/atomic_file.hpp"
#include "recording/build.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace {

// As pbx-stitch makes it, up to the sync, which those it is compared with do not do either. The file goes again, untimed.
double seconds_to_join(const pbx::cdr::Call& call, const pbx::Folder& folder) {
    const auto began = std::chrono::steady_clock::now();
    const pbx::recording::LocalLegs legs{pbx::Folder::open(folder.path())};
    const auto file = pbx::AtomicFile::try_begin(folder, pbx::recording::stitched_name(call), 0640);
    pbx::recording::build(call, legs, {}, pbx::recording::Overlap::keep, file.value().fd(), "the result");
    return std::chrono::duration<double>{std::chrono::steady_clock::now() - began}.count();
}

} // namespace

// bench_join FOLDER ROUNDS LEG...: joins the legs in FOLDER that often, and prints the median of the seconds it took.
int main(int argc, char** argv) {
    if (argc < 4)
        return 64;
    const auto folder = pbx::Folder::open(argv[1]);
    const pbx::cdr::Call call{"joined", "", false, 0, 0, {argv + 3, argv + argc}};
    std::vector<double> seconds(std::stoul(argv[2]));
    for (auto& round : seconds)
        round = seconds_to_join(call, folder);
    std::sort(seconds.begin(), seconds.end());
    fmt::print("{:.6f}\n", seconds[seconds.size() / 2]);
}
