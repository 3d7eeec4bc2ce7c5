// The one exception type, and the exit statuses that it maps to.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace pbx {

/// Exit statuses, from sysexits.h. Their meaning in this suite is in pbx-recording-tools(7).
enum class Exit {
    ok = 0,
    differs = 1,        ///< a check found a difference (status, --check)
    not_recorded = 2,   ///< the call is in progress, but nobody records it
    usage = 64,         ///< the command line is wrong
    data = 65,          ///< some audio or input was unreadable, the rest was done
    no_input = 66,      ///< no such call, or it has no recording
    unavailable = 69,   ///< database, rclone or remote unavailable
    software = 70,      ///< a bug here
    cant_create = 73,   ///< cannot write a file
    io = 74,            ///< cannot read a file
    temporary = 75,     ///< another run holds the lock, or a retry may help
    no_permission = 77, ///< permission denied
    config = 78,        ///< configuration
};

/// The worse of two statuses: one that needs a person outranks one that the next run repairs.
Exit worst(Exit a, Exit b);

/// A failure, described for an operator: `what()` gives what failed and why ("cannot open /x/y.wav: Permission
/// denied"), `hint()` what to do about it. The hint may be empty.
class Error : public std::runtime_error {
  public:
    Error(Exit status, const std::string& message, std::string hint = {})
        : std::runtime_error{message}, status_{status}, hint_{std::move(hint)} {}

    Exit status() const { return status_; }
    const std::string& hint() const { return hint_; }

  private:
    Exit status_;
    std::string hint_;
};

/// An Error from errno: "<message>: <strerror>". EACCES and EPERM become no_permission, whatever `status` is. An empty
/// `hint` is replaced by one that fits the errno.
Error system_error(Exit status, const std::string& message, int error_number, std::string hint = {});

/// Any exception as an Error, with the message and the exit status that the tool ends with. Only what neither this
/// suite nor the system throws is a bug (software).
Error as_error(const std::exception& exception);

} // namespace pbx
