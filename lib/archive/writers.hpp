// Whether some process still writes a leg.
#pragma once

#include "archive/source_file.hpp"
#include "base/lease.hpp"
#include "base/open_files.hpp"

#include <optional>

namespace pbx::archive {

class WriterCheck {
  public:
    bool has_writer(const SourceFile& file);
    /// The same with a lease that the caller holds on the file.
    bool has_writer(const SourceFile& file, const ReadLease& lease);

  private:
    std::optional<OpenFiles> open_files_;
};

} // namespace pbx::archive
