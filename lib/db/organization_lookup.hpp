// How every tool finds the organization that an operator names.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace pbx::db {

/// What an operator may call an organization.
struct OrganizationKeys {
    std::string_view id;
    std::string_view name;
    std::string_view prefix; ///< context_prefix
};

/// The index in `organizations` of the one whose id, name or prefix equals `wanted`. Throws Error: no_input when there
/// is none, usage when there are several, since one organization's name may be another one's prefix. An id is always
/// that organization's, whatever the others are called.
std::size_t find_organization(std::span<const OrganizationKeys> organizations, const std::string& wanted);

} // namespace pbx::db
