// The facts of files as pbx-archive takes them: see tests/bench/run.
#include "audio/file_facts.hpp"
#include "base/fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>

// bench_facts FILE...: prints MD5 and SHA-256 of each.
int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const pbx::Fd file{::open(argv[i], O_RDONLY | O_CLOEXEC)};
        const auto facts = pbx::audio::take_facts(file.get(), pbx::size_of(file.get(), argv[i]), argv[i]);
        fmt::print("{} {}\n", facts.content.md5, facts.content.sha256);
    }
}
