// The library's part of one stitched recording, timed without a database: see tests/bench/run.
#include "base/hash.hpp"
#include "recording/build.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

// bench_join FOLDER LEG...: joins the legs in FOLDER into joined.wav there, and prints the seconds that it took. It
// does what pbx-stitch does, except for the sync, which the programs it is compared with do not do either.
int main(int argc, char** argv) {
    if (argc < 3)
        return 64;
    const pbx::cdr::Call call{"joined", "", false, {}, {}, {argv + 2, argv + argc}};
    const auto path = std::string{argv[1]} + "/joined.wav";
    // OpenSSL reads its configuration once a process.
    static_cast<void>(pbx::Hash{pbx::Hash::Algorithm::sha256}.hex());
    const auto began = std::chrono::steady_clock::now();
    const pbx::recording::LocalLegs legs{pbx::Folder::open(argv[1]), pbx::SpoolLayout::flat};
    const pbx::Fd out{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)};
    pbx::recording::build_recording(pbx::recording::resolve_call(call, legs), pbx::recording::Overlap::keep, out.get(),
                                    "the result");
    fmt::print("{:.6f}\n", std::chrono::duration<double>{std::chrono::steady_clock::now() - began}.count());
}
