// Calls that come back to where they were: found on the rows that hand calls on without a person.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pbx::dialplan {

/// A row that hands calls on, under a name that is its own, and the names of those that it hands them to. A name that
/// no hop has is an end.
struct Hop {
    std::string name;
    std::vector<std::string> next;
};

struct Loop {
    std::size_t hop;               ///< the place of the hop that closes it
    std::vector<std::string> path; ///< the names that a call goes to from there, the last of them the hop's own
};

/// Adds `hops` one after the other, and returns those that would close a loop with the ones before them; these are not
/// added. With the oldest first, the newest row of every loop is found, and no older row depends on a newer one.
std::vector<Loop> find_loops(const std::vector<Hop>& hops);

} // namespace pbx::dialplan
