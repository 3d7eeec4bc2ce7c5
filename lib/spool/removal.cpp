// A file gets a hidden name, under which no recorder looks for it; then the kernel is asked whether one is waiting.
// docs/linux.md, "Leases".
#include "spool/removal.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/name.hpp"

#include <fcntl.h>
#include <stdio.h> // NOLINT(modernize-deprecated-headers): renameat2 is not in <cstdio>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace pbx::spool {

namespace {

constexpr std::string_view prefix = ".pbx-removing-";

bool rename(const Folder& folder, const std::string& from, const std::string& to) {
    return ::renameat2(folder.fd(), from.c_str(), folder.fd(), to.c_str(), RENAME_NOREPLACE) == 0;
}

bool restore(const Folder& folder, const std::string& name) {
    if (rename(folder, hidden_name(name), name))
        return true;
    const auto why = system_error(Exit::io,
                                  "cannot give the recording " + shown(folder.path_of(hidden_name(name))) +
                                      " the name " + shown(name) + " again",
                                  errno);
    log::warn("{}", why.what());
    return false;
}

} // namespace

std::string hidden_name(const std::string& name) {
    return std::string{prefix} + name;
}

bool remove_unless_opened(const Folder& folder, const std::vector<LeasedFile>& files) {
    std::vector<std::string> renamed;
    for (const auto& file : files) {
        if (!rename(folder, file.name, hidden_name(file.name)))
            break; // a name that is too long, a file system without the call
        renamed.push_back(file.name);
    }
    const bool is_wanted =
        std::any_of(files.begin(), files.end(), [](const auto& each) { return each.lease->is_wanted(); });
    bool is_restored = true;
    if (is_wanted || renamed.size() < files.size())
        for (const auto& name : renamed)
            is_restored = restore(folder, name) && is_restored;
    // Where a name could not be given back, a recorder has begun another file under it.
    if (is_wanted || !is_restored)
        return false;
    for (const auto& file : files)
        folder.remove(renamed.size() < files.size() ? file.name : hidden_name(file.name));
    return true;
}

std::string original_name(const std::string& name) {
    return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string{};
}

std::optional<std::string> restore_name(const Folder& folder, const std::string& name) {
    auto original = original_name(name);
    if (original.empty())
        return std::nullopt;
    return restore(folder, original) ? std::optional{std::move(original)} : std::nullopt;
}

} // namespace pbx::spool
