// Whether a process has a file open for writing.
#pragma once

namespace pbx {

enum class Writer { none, some, unknown };

/// A read lease, fcntl(2) F_SETLEASE, which the kernel refuses while a process has the file open for writing. While we
/// hold it, nobody can open the file for writing, so hold it as briefly as possible.
class ReadLease {
  public:
    /// `fd` must be open for reading only.
    explicit ReadLease(int fd);
    ~ReadLease();
    ReadLease(const ReadLease&) = delete;
    ReadLease& operator=(const ReadLease&) = delete;

    /// none: the lease is held. unknown: no lease is possible, because we lack CAP_LEASE for another user's file, or
    /// the file system has no leases.
    Writer writer() const { return writer_; }

    /// Whether a process has begun to open the file for writing since, and waits. False without a lease.
    bool is_wanted() const;

  private:
    int fd_;
    Writer writer_;
};

} // namespace pbx
