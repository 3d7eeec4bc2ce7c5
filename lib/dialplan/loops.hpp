// Finds loops among the rows that forward calls automatically.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pbx::dialplan {

/// A row that forwards calls: a unique name, and the names of the rows that it forwards them to. A call ends at a name
/// that no hop has.
struct Hop {
    std::string name;
    std::vector<std::string> next;
};

struct Loop {
    std::size_t hop;               ///< the index of the hop that closes it
    std::vector<std::string> path; ///< the names that a call passes from there; the last is the hop's own
};

/// Adds `hops` one by one, and returns those that would close a loop with the ones before them; these are not added.
/// With the oldest hop first, the newest row of every loop is returned.
std::vector<Loop> find_loops(const std::vector<Hop>& hops);

} // namespace pbx::dialplan
