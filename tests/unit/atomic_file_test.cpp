// Files that appear whole or not at all.
#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "temporary_folder.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <set>
#include <vector>

using pbx::AtomicFile;
using pbx::Deadline;
using pbx::Folder;

namespace {

std::size_t names_in(const Folder& folder) {
    std::size_t count = 0;
    folder.for_each_name([&](const std::string&) { ++count; });
    return count;
}

const auto soon = std::chrono::milliseconds{50};

// From now on this process cannot create files without a name, as on NFS. A seccomp filter stays until the process
// ends.
bool refuse_nameless_files() {
    constexpr auto number = static_cast<unsigned>(offsetof(seccomp_data, nr));
    constexpr auto flags = static_cast<unsigned>(offsetof(seccomp_data, args) + 2 * sizeof(__u64)); // little endian
    constexpr unsigned nameless = O_TMPFILE & ~O_DIRECTORY;
    std::array<sock_filter, 6> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, nameless, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Another program puts its own file in place of our temporary one. Returns what is wrong, or nothing.
const char* forge(const TemporaryFolder& temporary) {
    const auto folder = Folder::open(temporary.path());
    AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
    pbx::write_all(file.fd(), "audio", "test");
    const auto hidden = ".call.wav." + pbx::read_file(temporary.path() / ".call.wav.writing") + ".tmp";
    if (!folder.look(hidden))
        return "the temporary file has no name";
    std::filesystem::rename(temporary.path() / hidden, temporary.path() / "elsewhere");
    temporary.write(hidden, "forged");
    try {
        file.commit();
    } catch (const pbx::Error&) {
        return nullptr;
    }
    return "the commit succeeded";
}

} // namespace

TEST_CASE("a file has its name only after the commit, with its content and mode") {
    const TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path());
    {
        AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
        pbx::write_all(file.fd(), "audio", "test");
        CHECK_FALSE(folder.look("call.wav"));
        file.commit();
    }
    CHECK(pbx::read_file(temporary.path() / "call.wav") == "audio");
    CHECK((folder.look("call.wav")->st_mode & 0777U) == 0640);
    CHECK(names_in(folder) == 1);
}

TEST_CASE("without a commit the old file stays and nothing else remains") {
    const TemporaryFolder temporary;
    temporary.write("call.wav", "old");
    const auto folder = Folder::open(temporary.path());
    {
        AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
        pbx::write_all(file.fd(), "new", "test");
    }
    CHECK(pbx::read_file(temporary.path() / "call.wav") == "old");
    CHECK(names_in(folder) == 1);
}

TEST_CASE("what a killed writer left is removed when the next one begins") {
    const TemporaryFolder temporary;
    // One writer was killed while it wrote under a random name, one between its last two renames.
    for (const std::string left : {"0123456789abcdef", "half of something longer"}) {
        temporary.write(".call.wav.writing", left);
        temporary.write(".call.wav.0123456789abcdef.tmp", "half");
        if (left.size() != 16)
            std::filesystem::remove(temporary.path() / ".call.wav.0123456789abcdef.tmp");
        const auto folder = Folder::open(temporary.path());
        AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
        CHECK(names_in(folder) == (left.size() == 16 ? 1 : 2));
        pbx::write_all(file.fd(), "whole", "test");
        file.commit();
        CHECK(pbx::read_file(temporary.path() / "call.wav") == "whole");
        CHECK(names_in(folder) == 1);
    }
}

TEST_CASE("the content has no name that could be guessed while it is written") {
    const TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path());
    AtomicFile first{folder, "call.wav", 0640, Deadline::after(soon)};
    AtomicFile second{folder, "other.wav", 0640, Deadline::after(soon)};
    std::set<std::string> randoms;
    for (const char* name : {".call.wav.writing", ".other.wav.writing"})
        randoms.insert(pbx::read_file(temporary.path() / name));
    CHECK(randoms.size() == 2);
    folder.for_each_name([&](const std::string& name) { CHECK(name.ends_with(".writing")); });
}

TEST_CASE("whatever lies under the hidden names is neither written to nor followed") {
    const TemporaryFolder temporary;
    const auto victim = temporary.write("victim", "precious");
    const auto folder = Folder::open(temporary.path());
    for (const std::string hidden : {".call.wav.tmp", ".call.wav.writing"}) {
        const auto planted = temporary.path() / hidden;
        const std::vector<std::function<void()>> plants{
            [&] { std::filesystem::create_symlink("victim", planted); },
            [&] { std::filesystem::create_symlink("nowhere", planted); },
            [&] { std::filesystem::create_hard_link(victim, planted); },
            [&] { REQUIRE(::mkfifo(planted.c_str(), 0666) == 0); },
            [&] { temporary.write(hidden, "somebody's"); },
        };
        for (const auto& plant : plants) {
            plant();
            AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
            pbx::write_all(file.fd(), "audio", "test");
            file.commit();
            CHECK(pbx::read_file(victim) == "precious");
            CHECK(pbx::read_file(temporary.path() / "call.wav") == "audio");
            CHECK((folder.look("victim")->st_mode & 0777U) != 0640);
            CHECK_FALSE(folder.look("nowhere"));
            // The hidden name that older versions used is no longer ours.
            CHECK(folder.look(hidden).has_value() == (hidden == ".call.wav.tmp"));
            std::filesystem::remove(planted);
        }
    }
}

TEST_CASE("a folder under a hidden name of ours is an error that names it") {
    const TemporaryFolder temporary;
    std::filesystem::create_directory(temporary.path() / ".call.wav.writing");
    const auto folder = Folder::open(temporary.path());
    CHECK_THROWS_WITH((AtomicFile{folder, "call.wav", 0640, Deadline::after(soon)}),
                      ContainsSubstring(".call.wav.writing"));
}

TEST_CASE("a file that replaced ours before the rename never gets the final name") {
    const TemporaryFolder temporary;
    temporary.write("call.wav", "old");
    const auto folder = Folder::open(temporary.path());
    AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
    pbx::write_all(file.fd(), "audio", "test");
    const auto hidden = ".call.wav." + pbx::read_file(temporary.path() / ".call.wav.writing") + ".tmp";
    temporary.write(hidden, "forged");
    CHECK_THROWS_AS(file.commit(), pbx::Error);
    CHECK(pbx::read_file(temporary.path() / "call.wav") == "old");
}

TEST_CASE("where files cannot be nameless, a file that is put in place of ours never gets the final name") {
    const TemporaryFolder temporary;
    temporary.write("call.wav", "old");
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const char* fault = refuse_nameless_files() ? forge(temporary) : "this kernel has no seccomp";
        if (fault != nullptr)
            std::fprintf(stderr, "%s\n", fault);
        ::_exit(fault == nullptr ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(pbx::read_file(temporary.path() / "call.wav") == "old");
}

TEST_CASE("a link under the final name is replaced, not followed, and a folder there stays") {
    const TemporaryFolder temporary;
    temporary.write("victim", "precious");
    std::filesystem::create_symlink("victim", temporary.path() / "call.wav");
    std::filesystem::create_directory(temporary.path() / "folder.wav");
    const auto folder = Folder::open(temporary.path());
    AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
    pbx::write_all(file.fd(), "audio", "test");
    file.commit();
    CHECK(S_ISREG(folder.look("call.wav")->st_mode));
    CHECK(pbx::read_file(temporary.path() / "victim") == "precious");
    AtomicFile other{folder, "folder.wav", 0640, Deadline::after(soon)};
    CHECK_THROWS_AS(other.commit(), pbx::Error);
    CHECK(S_ISDIR(folder.look("folder.wav")->st_mode));
}

TEST_CASE("what root writes belongs to the folder's owner, unless it is root's own") {
    if (::geteuid() != 0) {
        WARN("SKIPPED: only root can give files away");
        return;
    }
    const TemporaryFolder temporary;
    constexpr uid_t nobody = 65534;
    REQUIRE(::chown(temporary.path().c_str(), nobody, nobody) == 0);
    const auto folder = Folder::open(temporary.path());
    {
        AtomicFile file{folder, "call.wav", 0640, Deadline::after(soon)};
        CHECK(folder.look(".call.wav.writing")->st_uid == nobody);
        file.commit();
    }
    AtomicFile own{folder, "own.wav", 0600, Deadline::after(soon), AtomicFile::Owner::caller};
    own.commit();
    CHECK(folder.look("call.wav")->st_uid == nobody);
    CHECK(folder.look("call.wav")->st_gid == nobody);
    CHECK((folder.look("call.wav")->st_mode & 07777U) == 0640);
    CHECK(folder.look("own.wav")->st_uid == 0);
    const auto below = Folder::create(temporary.path() / "a" / "b");
    CHECK(below.owner().st_uid == nobody);
    CHECK(folder.look("a")->st_uid == nobody);
}

TEST_CASE("hidden files of ours are recognized, and removed when they are old and no process holds them") {
    CHECK(AtomicFile::final_name(".call.wav.writing") == "call.wav");
    CHECK(AtomicFile::final_name(".call.wav.0123456789abcdef.tmp") == "call.wav");
    CHECK(AtomicFile::final_name(".call.wav.tmp") == "call.wav");
    for (const char* other : {"call.wav.tmp", ".pbx-stitch.lock", ".tmp", ".writing", ".incoming", "", "."})
        CHECK(AtomicFile::final_name(other).empty());

    const TemporaryFolder temporary;
    temporary.write(".call.wav.tmp", "half");
    const auto folder = Folder::open(temporary.path());
    AtomicFile::remove_if_dead(folder, ".call.wav.tmp");
    CHECK(folder.look(".call.wav.tmp"));
}

TEST_CASE("two writers of one file take turns") {
    const TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path());
    AtomicFile first{folder, "call.wav", 0640, Deadline::after(soon)};
    CHECK_FALSE(AtomicFile::try_begin(folder, "call.wav", 0640));
    CHECK_THROWS_AS((AtomicFile{folder, "call.wav", 0640, Deadline::after(soon)}), pbx::Error);
    first.commit();
    CHECK(AtomicFile::try_begin(folder, "call.wav", 0640));
}

TEST_CASE("a batch appears whole, also under names as long as the file system allows") {
    const TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path());
    std::vector<AtomicFile> files;
    for (int i = 0; i < 9; ++i) {
        files.emplace_back(folder, std::to_string(i) + std::string(254, 'x'), 0640, Deadline::after(soon));
        pbx::write_all(files.back().fd(), std::to_string(i), "test");
    }
    AtomicFile::commit_all(files, folder);
    for (int i = 0; i < 9; ++i)
        CHECK(pbx::read_file(temporary.path() / (std::to_string(i) + std::string(254, 'x'))) == std::to_string(i));
    CHECK(names_in(folder) == 9);
}

TEST_CASE("only regular files are opened: a link, a pipe and a folder are refused, a free name gives no file") {
    const TemporaryFolder temporary;
    temporary.write("target.wav", "audio");
    std::filesystem::create_symlink("target.wav", temporary.path() / "link.wav");
    std::filesystem::create_directory(temporary.path() / "folder.wav");
    REQUIRE(::mkfifo((temporary.path() / "pipe.wav").c_str(), 0600) == 0);
    const auto folder = Folder::open(temporary.path());
    // To open a pipe or a device is to use it: a writer that waits for a reader would go on.
    const pbx::Fd watch{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    REQUIRE(::inotify_add_watch(watch.get(), (temporary.path() / "pipe.wav").c_str(), IN_OPEN) > 0);
    CHECK(folder.find("target.wav"));
    CHECK_FALSE(folder.find("nothing.wav"));
    CHECK_THROWS_WITH(folder.find("link.wav"), ContainsSubstring("not a regular file"));
    CHECK_THROWS_WITH(folder.find("pipe.wav"), ContainsSubstring("not a regular file"));
    CHECK_THROWS_WITH(folder.find("folder.wav"), ContainsSubstring("not a regular file"));
    std::array<char, 256> event{};
    CHECK(::read(watch.get(), event.data(), event.size()) == -1); // the pipe was never opened
}
