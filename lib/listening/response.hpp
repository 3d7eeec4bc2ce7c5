// The response to a request: a head and a body on stdout, as RFC 3875, section 6, has it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::listening {

/// Lines "Name: value".
using Fields = std::vector<std::string>;

class Response {
  public:
    /// The response is to a HEAD request: body() writes nothing.
    void omit_body() { has_body_ = false; }
    /// Errors are pages for people, and not problem documents (RFC 9457).
    void prefer_pages() { prefers_pages_ = true; }
    bool has_begun() const { return has_begun_; }

    /// Writes the head, once. Throws Error (cant_create), ReaderGone, like the functions below.
    void begin(int status, const Fields& fields);
    void body(std::string_view data) const;
    void body(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) const;

    /// A whole response whose body is in memory.
    void send(int status, const std::string& content_type, std::string_view text, Fields fields = {});

    /// A whole response about an error. `detail` is a sentence for the client.
    void send_error(int status, const std::string& detail, Fields fields = {});

  private:
    bool has_body_ = true;
    bool prefers_pages_ = false;
    bool has_begun_ = false;
};

} // namespace pbx::listening
