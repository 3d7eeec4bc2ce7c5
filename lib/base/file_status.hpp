// What stat(2) shows of a file that may be replaced or changed.
#pragma once

#include <sys/stat.h>

namespace pbx {

/// Whether both are the same file with the same content, as far as size and times show.
bool is_unchanged(const struct stat& before, const struct stat& now);

} // namespace pbx
