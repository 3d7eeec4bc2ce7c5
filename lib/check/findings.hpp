// What pbx-check has found out about one area.
#pragma once

#include "base/error.hpp"

#include <string>
#include <vector>

namespace pbx::check {

enum class State { ok, warning, failure };

/// "ok", "warning", "failure".
const char* name_of(State state);

struct Finding {
    State state = State::ok;
    std::string what;
    std::string hint; ///< what to do; empty for what is ok
};

/// A number for monitoring: pbx_check_<name>.
struct Gauge {
    std::string name;
    std::string help;
    double value = 0;
    std::string labels; ///< as Prometheus writes them, without the braces: tool="stitch"
};

/// The findings of one area, in the order in which they were made.
class Findings {
  public:
    void ok(std::string what) { add({State::ok, std::move(what), {}}); }
    void warn(std::string what, std::string hint) { add({State::warning, std::move(what), std::move(hint)}); }
    void fail(std::string what, std::string hint) { add({State::failure, std::move(what), std::move(hint)}); }
    void fail(const Error& error) { fail(error.what(), error.hint()); }
    void add(Finding finding) { findings_.push_back(std::move(finding)); }
    void measure(Gauge gauge) { gauges_.push_back(std::move(gauge)); }

    const std::vector<Finding>& all() const { return findings_; }
    const std::vector<Gauge>& gauges() const { return gauges_; }
    /// The worst of all().
    State worst() const;

    /// As JSON text and back, from one process to another.
    std::string pack() const;
    /// Throws Error (software) for a text that pack() has not made.
    static Findings unpack(const std::string& text);

  private:
    std::vector<Finding> findings_;
    std::vector<Gauge> gauges_;
};

/// "1 leg", "3 legs".
std::string counted(std::size_t count, const std::string& noun);

} // namespace pbx::check
