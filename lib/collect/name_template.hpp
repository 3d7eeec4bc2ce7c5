// What the file of a call is called.
#pragma once

#include "cdr/journey.hpp"
#include "cdr/legs.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::collect {

/// A text with fields in braces: "{start}-{from}-{to}". See pbx-recording-fetch(1) for the fields.
class NameTemplate {
  public:
    /// An empty text is the name of the call's stitched recording. Throws Error (usage) for a field that is unknown or
    /// not closed, and for a slash outside of the fields.
    explicit NameTemplate(const std::string& text);

    /// Whether fields need what only the call's rows show.
    bool needs_journey() const { return needs_journey_; }

    /// A name that may be used in any folder, without its extension. `journey` may be null unless needs_journey().
    std::string name_of(const cdr::Call& call, const cdr::Journey* journey) const;

  private:
    struct Part {
        std::string text;
        bool is_field = false;
    };
    void add_field(const std::string& field);

    std::vector<Part> parts_;
    bool needs_journey_ = false;
};

/// `name` with a number, for the case that another call has the name: number 2 makes "name-2", number 1 nothing.
std::string numbered(const std::string& name, unsigned number);

} // namespace pbx::collect
