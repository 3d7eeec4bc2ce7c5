// An error of the early check is not reported: the recording is read again when it is needed, which reports the error.
#include "recording/early_check.hpp"

#include "audio/manifest.hpp"
#include "audio/wav_header.hpp"
#include "base/checksum.hpp"
#include "base/file_status.hpp"
#include "base/folder.hpp"
#include "base/name.hpp"
#include "recording/damage.hpp"

#include <exception>
#include <system_error>
#include <utility>

namespace pbx::recording {

EarlyCheck::EarlyCheck(std::filesystem::path stitched, const std::string& call, std::optional<std::string> account)
    : stitched_{std::move(stitched)}, account_{std::move(account)} {
    const auto name = call + ".wav";
    if (call.empty() || !name_fault(name).empty())
        return;
    try {
        reading_ = std::jthread{[this, name](const std::stop_token& stop) { read(stop, name); }};
    } catch (const std::system_error&) {
        // The system allows no more threads.
    }
}

void EarlyCheck::read(const std::stop_token& stop, const std::string& name) {
    try {
        const auto file = Folder::open(stitched_).find(name);
        if (!file || !is_of_account(file->get(), name) || ::fstat(file->get(), &file_) != 0)
            return;
        fault_ = find_damage_in_file(file->get(), name, stop);
    } catch (const std::exception&) {
        // find_damage() reads it again.
    }
}

bool EarlyCheck::is_of_account(int fd, const std::string& name) const {
    if (!account_)
        return true;
    const auto manifest = audio::Manifest::from(audio::read_wav_header(fd, name));
    return manifest && manifest->accountcode == *account_;
}

void EarlyCheck::wait() {
    if (reading_.joinable())
        reading_.join();
}

std::string EarlyCheck::find_damage(int fd, const std::string& what) {
    wait();
    struct stat now {};
    if (fault_ && ::fstat(fd, &now) == 0 && is_unchanged(file_, now))
        return *std::exchange(fault_, std::nullopt);
    return find_damage_in_file(fd, what);
}

} // namespace pbx::recording
