// What a client asks for, as the web server passes it on in the variables of CGI 1.1 (RFC 3875). Nothing in it is
// trusted.
#pragma once

#include "listening/link.hpp"

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pbx::listening {

/// Variables of the process's environment, by name, in the order in which the environment has them. A name can be there
/// twice: some web servers give header fields such as X-Account and X_Account one name.
using Variables = std::multimap<std::string, std::string, std::less<>>;

/// Takes the variables that describe a request out of the environment: clients choose their values, and children of
/// this process must not see them.
Variables take_variables();

/// Why a request is not answered with a recording: a status of HTTP.
class Refusal : public std::runtime_error {
  public:
    /// `detail` is for the client, and reveals nothing about any call.
    Refusal(int status, const std::string& detail) : std::runtime_error{detail}, status_{status} {}
    int status() const { return status_; }

  private:
    int status_;
};

/// The value of a variable; empty when there is none. Throws Refusal (400) when the name is there twice: one of the
/// values may be the client's, and the environment does not show which.
const std::string& value_of(const Variables& variables, std::string_view name);

struct Request {
    enum class Resource { recording, peaks, page };

    std::string method;
    Resource resource = Resource::recording;
    std::string call;
    std::map<std::string, std::string> parameters; ///< of the query, decoded

    /// The value of a parameter; empty when it is not given.
    const std::string& parameter(const std::string& name) const;
    /// Whether it has a signature, be it valid or not.
    bool has_link() const { return parameters.contains("signature"); }
    Link link() const;

    // Header fields; empty when they are not given.
    std::string range;
    std::string if_range;
    std::string if_none_match;
    std::string if_modified_since;

    bool is_head() const { return method == "HEAD"; }
    bool has_known_method() const { return method == "GET" || method == "HEAD"; }
};

/// Throws Refusal: 404 for a path that names nothing; 400 for a path or a query that is malformed or too long, and for
/// a variable that is there twice.
Request parse_request(const Variables& variables);

} // namespace pbx::listening
