// Which files other processes have open for writing, according to /proc.
#pragma once

#include <sys/stat.h>

#include <set>
#include <utility>

namespace pbx {

/// For files on which no lease is possible (lease.hpp). Processes of other users are visible to root only.
class OpenFiles {
  public:
    static OpenFiles now();
    bool written(const struct stat& file) const { return written_.contains({file.st_dev, file.st_ino}); }

  private:
    std::set<std::pair<dev_t, ino_t>> written_;
};

} // namespace pbx
