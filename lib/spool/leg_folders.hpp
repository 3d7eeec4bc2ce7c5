// The folders that legs lie in: the spool, and in the layout `dated` the folders of days below it.
#pragma once

#include "base/error.hpp"
#include "base/folder.hpp"
#include "base/spool_layout.hpp"

#include <sys/stat.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::spool {

/// "" for the spool itself, or the folder of a day: "2025/09/01".
using Day = std::string;

/// The path of a file below the spool.
std::string path_below_spool(const Day& day, const std::string& name);

/// Where a file was found, and its status.
struct SpoolFile {
    Day day;
    struct stat status {};
};

class LegFolders {
  public:
    /// `spool` must outlive it.
    LegFolders(const Folder& spool, SpoolLayout layout) : spool_{&spool}, layout_{layout} {}

    const Folder& spool() const { return *spool_; }
    bool is_dated() const { return layout_ == SpoolLayout::dated; }

    /// The folder of a day, opened without following links; null when it does not exist, or the layout is `flat`.
    /// Throws Error: data where a part of the path is no folder, no_permission, io.
    std::shared_ptr<const Folder> find_day(const Day& day) const;

    /// Which of the spool and the folders of `days` have a file of this name. In the layout `dated` only regular files
    /// count: a link in the spool may lead to a leg in the folder of its day. Throws Error as find_day() for the day
    /// `named`, which a CDR row names; and no_permission or io when there is no such file and the folder of another day
    /// cannot be read. What is no folder counts as absent, and so does a link.
    std::vector<SpoolFile> find(const std::string& name, const std::vector<Day>& days, const Day& named = {}) const;

    /// The same where at most one may have it: two are two recordings, of which nobody knows which one is meant. Throws
    /// Error (data) then.
    std::optional<SpoolFile> find_one(const std::string& name, const std::vector<Day>& days,
                                      const Day& named = {}) const;

    /// The days that have a folder, in order. What cannot be opened, or is a link, goes to `fault`.
    std::vector<Day> days(const std::function<void(const Error&)>& fault) const;

    /// Calls `each` for every name in the spool and in the folders of these days, without storing them all. The folder
    /// of a day that cannot be opened or listed goes to `fault`. Throws Error (io) when the spool itself cannot be
    /// listed, and what `each` throws.
    using Each = std::function<void(const Day& day, const Folder& folder, const std::string& name)>;
    void for_each_name(const std::vector<Day>& days, const Each& each,
                       const std::function<void(const Error&)>& fault) const;

  private:
    std::optional<struct stat> look_in(const Day& day, const std::string& name) const;

    const Folder* spool_;
    SpoolLayout layout_;
};

/// The paths of the files that have one name.
using Paths = std::vector<std::string>;

/// Legs whose name several files have, by name.
using SameNames = std::map<std::string, Paths>;

/// Looks for regular files in the spool and the folders of these days. A folder that cannot be listed goes to `fault`,
/// and its day leaves `days`: nobody knows which names are in it. Names alone are read, and little memory is needed as
/// long as none is there twice. A leg that a killed run has hidden counts, except beside a new file of its name. Throws
/// Error (io) when the spool itself cannot be listed.
SameNames find_same_names(const LegFolders& folders, std::vector<Day>& days,
                          const std::function<void(const Error&)>& fault);

/// The error for them.
Error same_name(const std::string& name, const Folder& spool, const Paths& paths);

} // namespace pbx::spool
