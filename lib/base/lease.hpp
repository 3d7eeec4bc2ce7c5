// Whether somebody is writing a file at this moment.
#pragma once

namespace pbx {

enum class Writer { none, some, unknown };

/// A read lease, fcntl(2) F_SETLEASE, which the kernel refuses exactly while someone has the file open for writing;
/// while it is held, nobody can open the file for writing, so hold it for as short as possible.
class ReadLease {
  public:
    /// `fd` must be open for reading only.
    explicit ReadLease(int fd);
    ~ReadLease();
    ReadLease(const ReadLease&) = delete;
    ReadLease& operator=(const ReadLease&) = delete;

    /// none: the lease is held. unknown: leases cannot be had, on a file of another user without CAP_LEASE, or on a
    /// file system without them.
    Writer writer() const { return writer_; }

  private:
    int fd_;
    Writer writer_;
};

} // namespace pbx
