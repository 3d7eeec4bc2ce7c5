// Why a row of the database cannot become a part of Asterisk's configuration.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace pbx::dialplan {

/// Thrown by the checks, and caught by Faults::collect().
struct Fault {
    std::string message;
    std::string hint{};
    bool conflict = false; ///< the row itself is valid, but an older row holds what it claims
};

/// Throws Fault unless `condition` holds.
void require(bool condition, const std::string& message, const std::string& hint = {});

/// `text` in quotes for a message: printable, on one line, at most 60 characters.
std::string in_quotes(std::string_view text);

/// The faults of organizations and rows, by their address, which must not change meanwhile.
class Faults {
  public:
    /// Keeps the first fault of `row`.
    void add(const void* row, Fault fault) { faults_.emplace(row, std::move(fault)); }

    /// Runs `check`, and adds the Fault that it throws.
    template <typename Check>
    void collect(const void* row, Check&& check) {
        try {
            check();
        } catch (const Fault& fault) {
            add(row, fault);
        }
    }

    /// Nothing when `row` has no fault.
    const Fault* find(const void* row) const {
        const auto found = faults_.find(row);
        return found == faults_.end() ? nullptr : &found->second;
    }

    /// Whether an organization or row becomes a part of the configuration.
    template <typename Row>
    bool is_used(const Row& row) const {
        return row.status == "active" && find(&row) == nullptr;
    }

  private:
    std::unordered_map<const void*, Fault> faults_;
};

} // namespace pbx::dialplan
