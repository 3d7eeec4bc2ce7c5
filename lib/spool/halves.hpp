// Recordings that are not legs yet: in the folder "halves" of the spool, where the dialplan lets Asterisk write them.
#pragma once

#include "base/folder.hpp"

#include <sys/stat.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::spool {

/// What a file holds of the leg NAME.wav: both sides in one channel (NAME.wav16), or one of them (NAME.caller.wav,
/// NAME.called.wav, or the same with .wav16).
enum class Side { whole, caller, called };

/// "caller", "called"; empty for both.
const char* name_of(Side side);

/// A file of the folder, as it was when it was looked at.
struct Half {
    std::string name;
    struct stat status {};
};

/// The files of one leg.
using Halves = std::map<Side, Half>;

class HalvesFolder {
  public:
    /// Nothing when the spool has no such folder. Throws Error: data when it is a link or no folder, no_permission, io.
    static std::optional<HalvesFolder> find(const Folder& spool);

    const Folder& folder() const { return folder_; }

    /// Calls `each` with the name of every leg of which there are files, "NAME.wav", once. Other files, and names that
    /// must not become those of files, go to `other`. Throws Error (io).
    void for_each_leg(const std::function<void(const std::string& leg)>& each,
                      const std::function<void(const std::string& name)>& other) const;

    /// The files of the leg; there may be none. Throws Error: data when two files claim one side, or one the
    /// whole; io.
    Halves find_halves(const std::string& leg) const;

    /// Whether the leg has any files here.
    bool has(const std::string& leg) const;

  private:
    explicit HalvesFolder(Folder folder) : folder_{std::move(folder)} {}

    Folder folder_;
};

} // namespace pbx::spool
