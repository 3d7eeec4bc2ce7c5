// The schema keeps names unique and prefixes unique, but a name may equal another organization's prefix.
#include "db/organization_lookup.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace pbx::db {

std::size_t find_organization(std::span<const OrganizationKeys> organizations, const std::string& wanted) {
    const auto matches = [&](const OrganizationKeys& each) { return each.name == wanted || each.prefix == wanted; };
    const auto by_id = std::find_if(organizations.begin(), organizations.end(),
                                    [&](const OrganizationKeys& each) { return each.id == wanted; });
    if (by_id != organizations.end())
        return static_cast<std::size_t>(by_id - organizations.begin());
    const auto found = std::find_if(organizations.begin(), organizations.end(), matches);
    if (found == organizations.end())
        throw Error{Exit::no_input, fmt::format("no organization has the name, prefix or id \"{}\"", shown(wanted)),
                    "pbx-provision org list shows them"};
    if (std::find_if(std::next(found), organizations.end(), matches) != organizations.end())
        throw Error{Exit::usage, fmt::format("\"{}\" names more than one organization", shown(wanted)),
                    "name it by its id; pbx-provision org list shows them"};
    return static_cast<std::size_t>(found - organizations.begin());
}

} // namespace pbx::db
