// A breadth-first search from each new hop for a way back to it.
#include "dialplan/loops.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace pbx::dialplan {

namespace {

class Graph {
  public:
    explicit Graph(const std::vector<Hop>& hops) : hops_{hops}, seen_(hops.size(), hops.size()) {}

    void add(std::size_t hop) { places_.emplace(hops_[hop].name, hop); }

    // The shortest way from `start`, which need not be added yet, back to it; empty when there is none.
    std::vector<std::string> way_back(std::size_t start) {
        // Hops in the order of the search, each with the index here of the one that led to it.
        std::vector<std::pair<std::size_t, std::size_t>> reached{{start, 0}};
        for (std::size_t at = 0; at < reached.size(); ++at)
            for (const auto& name : hops_[reached[at].first].next) {
                if (name == hops_[start].name)
                    return path(reached, at);
                const auto found = places_.find(name);
                if (found == places_.end() || seen_[found->second] == start)
                    continue;
                seen_[found->second] = start;
                reached.emplace_back(found->second, at);
            }
        return {};
    }

  private:
    std::vector<std::string> path(const std::vector<std::pair<std::size_t, std::size_t>>& reached,
                                  std::size_t at) const {
        std::vector<std::string> names{hops_[reached.front().first].name};
        for (; at != 0; at = reached[at].second)
            names.push_back(hops_[reached[at].first].name);
        std::reverse(names.begin(), names.end());
        return names;
    }

    const std::vector<Hop>& hops_;
    std::unordered_map<std::string, std::size_t> places_;
    std::vector<std::size_t> seen_; // the last search that reached each hop
};

} // namespace

std::vector<Loop> find_loops(const std::vector<Hop>& hops) {
    Graph graph{hops};
    std::vector<Loop> result;
    for (std::size_t hop = 0; hop < hops.size(); ++hop) {
        auto path = graph.way_back(hop);
        if (path.empty())
            graph.add(hop);
        else
            result.push_back({hop, std::move(path)});
    }
    return result;
}

} // namespace pbx::dialplan
