// rclone copies files, so the text becomes one first.
#include "remote/store_text.hpp"

#include "base/atomic_file.hpp"
#include "base/private_folder.hpp"
#include "remote/transfer.hpp"

#include <unistd.h>

namespace pbx {

void store_text(Remote& remote, Shelf shelf, const std::string& name, const std::string& text,
                const Deadline& deadline) {
    const PrivateFolder folder{Folder::open(temporary_folder()), "pbx-archive.", ::geteuid()};
    AtomicFile file{folder.folder(), name, 0600, deadline};
    write_all(file.fd(), text, name);
    file.commit();
    throw_first(
        upload_files(remote, folder.folder(), shelf, {{name, text.size()}}, deadline.at_most(Remote::question_limit)));
}

} // namespace pbx
