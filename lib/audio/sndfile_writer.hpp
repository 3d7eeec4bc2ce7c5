// libsndfile for writing, on a descriptor that stays ours.
#pragma once

#include <sndfile.h>

namespace pbx::audio {

/// sf_open_fd(3) on a duplicate, which libsndfile owns: both write at one position. libsndfile 1.2 closes a descriptor
/// when it cannot write the header, whatever it was told; ours would then be closed twice, and meanwhile be another
/// thread's file. Null when it fails.
SNDFILE* open_to_write(int fd, SF_INFO& info);

} // namespace pbx::audio
