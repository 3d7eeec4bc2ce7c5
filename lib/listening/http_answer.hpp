// Recordings as responses of HTTP: as they are stored, or converted.
#pragma once

#include "base/deadline.hpp"
#include "listening/conditions.hpp"
#include "listening/permission.hpp"
#include "listening/request.hpp"
#include "listening/response.hpp"
#include "recording/answer.hpp"
#include "recording/derived_cache.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace pbx::listening {

/// What all answers work with. All of it must outlive them.
struct AnswerWork {
    const Request& request;
    Response& response;
    recording::DerivedCache& cache;
    const Deadline& deadline;
    const std::optional<LinkedLeg>& linked;
};

class HttpAnswer : public recording::Answer {
  public:
    explicit HttpAnswer(AnswerWork work) : work_{work} {}

    void found(const cdr::Call& call) override { require_linked_leg(work_.linked, call); }

    /// Takes the SHA-256 of the file first: it is the ETag.
    void send_file(recording::AnswerHeaders headers, int file, const std::string& what) override;

  protected:
    /// The fields of a response with status plan.status.
    Fields fields_of(const Plan& plan, const Representation& representation, const std::string& content_type) const;

    AnswerWork work_;
    recording::AnswerHeaders headers_;
};

/// The recording, byte for byte.
class RecordingAnswer : public HttpAnswer {
  public:
    RecordingAnswer(AnswerWork work, std::string disposition);

    bool may_want_part() const override;
    recording::Part begin(const recording::AnswerHeaders& headers) override;
    void add(std::string_view data) override;
    void add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) override;
    void finish() override;
    bool discard() override { return !work_.response.has_begun(); }

  private:
    void send_head();

    std::string disposition_;
    Representation representation_;
    Plan plan_;
};

/// How a recording becomes what is served.
struct Derivation {
    std::string name; ///< in the cache; two derivations of one recording never share a name
    std::string content_type;
    std::string disposition;          ///< empty: it is not a recording
    std::function<Fd(Fd wav)> derive; ///< makes a file without a name
};

/// Something that is made from the whole recording, once: afterwards it is in the cache.
class DerivedAnswer : public HttpAnswer {
  public:
    DerivedAnswer(AnswerWork work, Derivation derivation);

    bool may_want_part() const override { return true; }
    recording::Part begin(const recording::AnswerHeaders& headers) override;
    void add(std::string_view data) override;
    void add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) override;
    void finish() override;
    bool discard() override;

  private:
    std::string entry_name() const;

    Derivation derivation_;
    Fd wav_;
    Fd result_;
    std::uint64_t length_ = 0; ///< of what was made, in bytes
};

} // namespace pbx::listening
