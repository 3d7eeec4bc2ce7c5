#include "recording/objects_ahead.hpp"

#include "base/error.hpp"

namespace pbx::recording {

std::optional<Fd> ShelfAhead::open(const std::string& name) const {
    for (const auto* failures : {&fetched.failures, &fetched.damaged})
        if (const auto fault = failures->find(name); fault != failures->end())
            throw Error{fault->second};
    return fetched.present.contains(name) ? folder->find(name) : std::nullopt;
}

} // namespace pbx::recording
