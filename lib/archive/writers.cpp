// The kernel knows it through a lease; where the file system has none, /proc shows the processes of our own user.
#include "archive/writers.hpp"

#include "base/log.hpp"

namespace pbx::archive {

bool WriterCheck::has_writer(const SourceFile& file) {
    const ReadLease lease{file.fd.get()};
    return has_writer(file, lease);
}

bool WriterCheck::has_writer(const SourceFile& file, const ReadLease& lease) {
    if (lease.writer() != Writer::unknown)
        return lease.writer() == Writer::some;
    if (!open_files_)
        log::note("no lease can be had on {}: writers are looked up in /proc, which shows only processes of this "
                  "user, and told by the file's age",
                  file.name);
    open_files_ = OpenFiles::now();
    return open_files_->written(file.status);
}

} // namespace pbx::archive
