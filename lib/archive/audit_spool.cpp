// A leg that may still be written is not judged: its header is finished when Asterisk closes the file.
#include "archive/audit_spool.hpp"

#include "audio/leg_audio.hpp"
#include "audio/weave.hpp"
#include "base/lease.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "spool/halves.hpp"
#include "spool/leg_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>

namespace pbx::archive {

namespace {

using std::chrono::sys_seconds;

// Where the kernel cannot tell whether a program has the file open, its age decides, as in pbx-archive's own runs.
bool may_be_written(int fd, sys_seconds modified) {
    constexpr auto settled = std::chrono::minutes{5};
    const ReadLease lease{fd};
    if (lease.writer() != Writer::unknown)
        return lease.writer() == Writer::some;
    return modified > current_second() - settled;
}

void judge(cdr::ListedFile& file, Fd content) {
    if (may_be_written(content.get(), file.modified))
        return;
    try {
        const audio::LegAudio leg{std::move(content), "leg " + shown(file.name)};
        file.seconds = static_cast<double>(leg.frames()) / leg.format().rate;
        file.cut = audio::is_cut(leg) || leg.truncated();
        file.channels = leg.format().channels;
        file.heard = audio::count_heard_channels(leg);
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        file.cut = true; // a file without a valid header was never finished
    }
}

// A leg that this user may not read is listed all the same.
void judge_if_readable(cdr::ListedFile& file, const Folder& spool, const std::string& name, SpoolFaults& faults) {
    try {
        if (auto content = spool.find(name)) // it may just have been archived
            judge(file, std::move(*content));
    } catch (const Error& error) {
        faults.unjudged.emplace(name, error.what());
    }
}

// The legs that pbx-stitch has not made yet, by name.
std::map<std::string, cdr::ListedFile> find_unwoven(const Folder& spool, SpoolFaults& faults) {
    std::map<std::string, cdr::ListedFile> legs;
    const auto halves = spool::HalvesFolder::find(spool);
    if (!halves)
        return legs;
    const auto add = [&](const std::string& leg) {
        auto& file = legs[leg];
        for (const auto& [side, half] : halves->find_halves(leg)) {
            file.size += static_cast<std::uint64_t>(half.status.st_size);
            file.modified = std::max(file.modified, sys_seconds{std::chrono::seconds{half.status.st_mtim.tv_sec}});
        }
    };
    halves->for_each_leg(
        [&](const std::string& leg) {
            try {
                add(leg);
            } catch (const Error& error) {
                faults.unjudged.emplace(leg, error.what());
            }
        },
        [](const std::string&) {});
    return legs;
}

// These count as legs in the spool, and are listed before it: a leg that is made meanwhile is then found in the spool.
std::map<std::string, cdr::ListedFile> find_unwoven_or_warn(const Folder& spool, SpoolFaults& faults) {
    try {
        return find_unwoven(spool, faults);
    } catch (const Error& error) {
        log::warn("legs in two channels that are not in the spool yet are not counted: {}", error.what());
        return {};
    }
}

} // namespace

SpoolFaults add_spool(cdr::LegAudit& audit, const spool::LegFolders& folders, std::vector<spool::Day>& days,
                      const std::function<void(const Error&)>& fault) {
    SpoolFaults faults;
    auto unwoven = find_unwoven_or_warn(folders.spool(), faults);
    faults.twice = spool::find_same_names(folders, days, fault);
    std::set<std::string> added; // of those
    audit.add_local_files([&](const cdr::LegAudit::AddFile& add) {
        const auto add_leg = [&](const spool::Day&, const Folder& folder, const std::string& name) {
            const auto found = spool::find_leg(folder, name);
            if (!found || !S_ISREG(found->st_mode))
                return;
            cdr::ListedFile file{name, static_cast<std::uint64_t>(found->st_size),
                                 sys_seconds{std::chrono::seconds{found->st_mtim.tv_sec}}};
            file.twice = faults.twice.contains(name);
            if (file.twice && !added.insert(name).second)
                return;
            judge_if_readable(file, folder, name, faults);
            add(file);
            unwoven.erase(name);
        };
        folders.for_each_name(days, add_leg, fault);
        for (auto& [name, file] : unwoven) {
            file.name = name;
            add(file);
        }
    });
    return faults;
}

} // namespace pbx::archive
