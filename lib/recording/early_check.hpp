// Reads the recording that is probably wanted while the database is asked, since each of the two takes milliseconds.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <thread>

namespace pbx::recording {

class EarlyCheck {
  public:
    /// Begins to compare the stitched recording of a call that is named by its linkedid with its manifest. `call` may
    /// be any text: where it names no recording in `stitched`, nothing happens; nor, if an account is given, where its
    /// manifest states another one: how long the answer takes must not depend on another tenant's recording.
    EarlyCheck(std::filesystem::path stitched, const std::string& call,
               std::optional<std::string> account = std::nullopt);

    /// Waits until the recording has been read.
    void wait();

    /// find_damage_in_file() for the open recording `fd`. Its audio is not read again if it was read early and the file
    /// has not changed since. Throws Error (io, data).
    std::string find_damage(int fd, const std::string& what);

  private:
    void read(const std::stop_token& stop, const std::string& name);

    bool is_of_account(int fd, const std::string& name) const;

    std::filesystem::path stitched_;
    std::optional<std::string> account_;
    std::optional<std::string> fault_; ///< what find_damage_in_file() would return; nothing when it was not read
    struct stat file_ {};              ///< what was read
    std::jthread reading_;             ///< the last member, so that it ends before the others are destroyed
};

} // namespace pbx::recording
