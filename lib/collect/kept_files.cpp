#include "collect/kept_files.hpp"

#include "base/content.hpp"
#include "base/error.hpp"
#include "base/moment.hpp"
#include "base/parallel.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

namespace pbx::collect {

namespace {

bool has_all_legs(const Entry& entry, const cdr::Call& call) {
    std::set<std::string> known{entry.legs.begin(), entry.legs.end()};
    known.insert(entry.empty.begin(), entry.empty.end());
    return entry.missing.empty() && entry.unreadable.empty() &&
           known == std::set<std::string>{call.legs.begin(), call.legs.end()};
}

// A leg that is being woven, or was changed, has another time. Seconds are compared, as `fetched` has no fractions.
bool has_newer_leg(const Entry& entry, const cdr::Call& call, const recording::LocalLegs& legs) {
    try {
        const auto located = legs.find_in_spool(call);
        return std::any_of(located.begin(), located.end(), [&](const recording::LocatedLeg& leg) {
            const auto modified = std::chrono::floor<std::chrono::seconds>(leg.modified);
            return leg.place == recording::LocatedLeg::Place::spool && utc_time(modified) >= entry.fetched;
        });
    } catch (const Error&) {
        return true; // it is fetched again, which reports what is wrong with it
    }
}

bool was_made_alike(const Entry& known, const Entry& wanted) {
    const auto options = [](const Entry& entry) {
        return std::tie(entry.file, entry.format, entry.channel, entry.overlap, entry.consent, entry.paused);
    };
    return known.status == Exit::ok && !known.sha256.empty() && options(known) == options(wanted);
}

bool is_unchanged_file(const Entry& known, const Folder& folder) {
    try {
        const auto file = folder.find(known.file);
        return file && has_content(file->get(), {known.size, {}, known.sha256}, known.file);
    } catch (const Error&) {
        return false; // it is fetched again, which reports what is wrong with it
    }
}

} // namespace

std::vector<char> find_kept_files(const std::vector<KeptFile>& files, const Folder& folder,
                                  const recording::LocalLegs& legs, unsigned jobs) {
    std::vector<char> right(files.size()); // threads cannot write side by side into vector<bool>
    parallel_for(files.size(), jobs, [&](std::size_t i) {
        const auto& [call, wanted, known] = files[i];
        right[i] = known != nullptr && call.ambiguous.empty() && was_made_alike(*known, wanted) &&
                           has_all_legs(*known, call) && !has_newer_leg(*known, call, legs) &&
                           is_unchanged_file(*known, folder)
                       ? 1
                       : 0;
    });
    return right;
}

} // namespace pbx::collect
