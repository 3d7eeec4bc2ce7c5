// A pager for long reports, as git has it.
#pragma once

#include "base/fd.hpp"

namespace pbx::pager {

/// Whether begin() may start one; App::run decides that from --no-pager.
void allow(bool allowed);

/// From now on what is written to stdout, and to stderr where that is a terminal too, goes through the pager: that of
/// PBX_PAGER, else of PAGER, else less. Does nothing unless stdout is a terminal that a pager can use, and when the
/// variable is empty or "cat". The run then has no deadline any more: a person reads.
void begin();

/// What is written to stdout from its construction to show(), where a pager is going to show it: it waits in a file
/// without a name, so that nothing else, such as a transaction, has to wait for a person who reads. Without show()
/// nothing is shown.
class Report {
  public:
    /// Throws Error.
    Report();
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    ~Report();

    /// Begins the pager. Throws Error, or ReaderGone.
    void show();

  private:
    void restore_stdout();

    Fd waiting_; ///< nothing when there is no pager
    Fd own_stdout_;
};

/// Waits until the person has left the pager, if there is one.
void end();

} // namespace pbx::pager
