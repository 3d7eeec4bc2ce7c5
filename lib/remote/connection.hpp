// Splits an rclone path into what may appear in an argument list and what goes to rclone through its environment.
#pragma once

#include <string>
#include <vector>

namespace pbx {

/// A connection string (":s3,provider=AWS,secret_access_key=...:bucket", "name,option=value:path") holds its options
/// between its commas, and they may be passwords. Everybody on the machine can read an argument list; a process's
/// environment only its own user. A path without options is passed on as it is.
struct Connection {
    std::string path;                     ///< for the argument list
    std::vector<std::string> environment; ///< NAME=value; these replace variables of the same name in our environment
    std::string shown;                    ///< for messages: without the options
    std::vector<std::string> hidden;      ///< options' values, which no message may show, the longest first
};

/// Splits an rclone path by the rules of rclone's own parser (fs/fspath/path.go, the same from 1.55 to 1.75).
/// Throws Error (config), whose message shows no options, if they cannot be read or passed on.
Connection parse_connection(const std::string& remote);

/// `text` with "..." for every value that is hidden, also as rclone quotes it in its messages.
std::string without_hidden(std::string text, const Connection& connection);

} // namespace pbx
