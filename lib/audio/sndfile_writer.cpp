// The duplicate is closed together with its SNDFILE.
#include "audio/sndfile_writer.hpp"

#include <fcntl.h>

namespace pbx::audio {

SNDFILE* open_to_write(int fd, SF_INFO& info) {
    const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return own < 0 ? nullptr : ::sf_open_fd(own, SFM_WRITE, &info, SF_TRUE);
}

} // namespace pbx::audio
