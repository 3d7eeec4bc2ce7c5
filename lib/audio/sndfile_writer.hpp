// libsndfile for writing, on a descriptor that remains ours.
#pragma once

#include <sndfile.h>

namespace pbx::audio {

/// sf_open_fd(3) on a duplicate that libsndfile owns and that shares our position. libsndfile 1.2 closes a descriptor
/// when it cannot write the header, even if told not to; ours would then be closed twice, the second time as another
/// thread's file. Null when it fails.
SNDFILE* open_to_write(int fd, SF_INFO& info);

} // namespace pbx::audio
