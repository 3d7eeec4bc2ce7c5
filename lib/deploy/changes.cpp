// The order of the steps keeps the folder loadable at every instant: see apply().
#include "deploy/changes.hpp"

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/lines.hpp"
#include "base/log.hpp"
#include "dialplan/diff.hpp"
#include "dialplan/includes.hpp"
#include "dialplan/render.hpp"
#include "dialplan/row_checks.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

namespace pbx::deploy {

namespace {

// Passwords are in these files; Asterisk reads them as owner or group.
constexpr mode_t private_mode = 0640;

// Files that are open at once.
constexpr std::size_t batch = 64;

bool is_ours(const Folder& folder, const std::string& name) {
    const auto found = folder.look(name);
    if (!found || !S_ISREG(found->st_mode))
        return false;
    const auto text = read(folder, name);
    return text && dialplan::is_ours(*text);
}

bool has_rights_of_others(const Folder& folder, const std::string& name) {
    const auto found = folder.look(name);
    return found && (found->st_mode & S_IRWXO) != 0;
}

// The new file keeps the mode and owner of the old one, or takes those of the folder, so that Asterisk can read it.
AtomicFile begin(const Folder& folder, const std::string& name, const Deadline& deadline) {
    const auto old = folder.look(name);
    const bool kept = old && !dialplan::is_deployed_name(name);
    AtomicFile file{folder, name, kept ? old->st_mode & 07777 : private_mode, deadline};
    struct stat parent {};
    if (::fstat(folder.fd(), &parent) != 0)
        throw system_error(Exit::io, "cannot look at " + folder.path().native(), errno);
    // Asterisk may have read one of root by the rights of others only.
    const bool is_of_root = old && old->st_uid == 0 && old->st_gid == 0;
    const auto& owner = kept || (old && !is_of_root) ? *old : parent;
    const bool root = ::geteuid() == 0;
    // Asterisk runs as the owner of its folder: what that user writes it can read, whatever the group of the old file.
    const bool is_readable = !root && (!old || parent.st_uid == ::geteuid());
    if (::fchown(file.fd(), root ? owner.st_uid : static_cast<uid_t>(-1), owner.st_gid) != 0 && !is_readable)
        throw system_error(Exit::no_permission, "cannot give " + folder.path_of(name) + " its owner", errno);
    // A change of owner may take bits of the mode away.
    if (::fchmod(file.fd(), kept ? old->st_mode & 07777 : private_mode) != 0)
        throw system_error(Exit::cant_create, "cannot set the mode of " + folder.path_of(name), errno);
    return file;
}

void write(const Folder& folder, std::span<const Change> changes, const Deadline& deadline) {
    for (std::size_t first = 0; first < changes.size(); first += batch) {
        std::vector<AtomicFile> files;
        const auto last = std::min(first + batch, changes.size());
        files.reserve(last - first);
        for (auto i = first; i < last; ++i) {
            files.push_back(begin(folder, changes[i].name, deadline));
            write_all(files.back().fd(), *changes[i].after, folder.path_of(changes[i].name));
        }
        AtomicFile::commit_all(files, folder);
        for (auto i = first; i < last; ++i)
            if (changes[i].is_only_mode())
                log::warn("{}: other users had rights on it, and have none now", folder.path_of(changes[i].name));
            else
                log::note("{} {}", changes[i].before ? "rewrote" : "wrote", folder.path_of(changes[i].name));
    }
}

// Removes what a killed run left half written. We hold the lock, so no other run is writing it.
void remove_half_written(const Folder& folder) {
    std::vector<std::string> left;
    folder.for_each_name([&](const std::string& name) {
        const auto final_name = AtomicFile::final_name(name);
        const bool main = std::any_of(dialplan::file_types.begin(), dialplan::file_types.end(),
                                      [&](const auto& type) { return final_name == type.main_file; });
        if (main || final_name == dialplan::recorder_file ||
            dialplan::can_be_prefix(dialplan::prefix_of_file(final_name)))
            left.push_back(name);
    });
    for (const auto& name : left)
        folder.remove(name);
}

// Replaces the values of lines such as "password=...", so that a diff can be mailed.
std::string without_secrets(std::string_view text, const std::set<std::string>& known, std::string_view otherwise) {
    std::string result;
    for (const auto line : Lines{text, Lines::Newline::kept}) {
        const auto value = line.find('=') + 1;
        const auto key = line.substr(0, value == 0 ? 0 : value - 1);
        if (key.find("password") == std::string_view::npos && key.find("md5_cred") == std::string_view::npos &&
            key.find("secret") == std::string_view::npos)
            result += line;
        else
            result += std::string{line.substr(0, value)} +
                      std::string{known.contains(std::string{line}) ? "<hidden>" : otherwise} + '\n';
    }
    return result;
}

// An operator may have edited a main file since it was read, for example while a private Asterisk validated it.
void require_same(const Folder& folder, const std::vector<Change>& mains) {
    for (const auto& change : mains)
        if (const auto now = read(folder, change.name); now != change.before)
            throw Error{Exit::temporary, folder.path_of(change.name) + " changed meanwhile, and was left as it is",
                        "run pbx-dialplan-gen --deploy again"};
}

std::set<std::string> lines_of(std::string_view text) {
    std::set<std::string> lines;
    for (const auto line : Lines{text, Lines::Newline::kept})
        lines.emplace(line);
    return lines;
}

std::string diff_of(const Folder& folder, const Change& change) {
    if (change.is_only_mode())
        return folder.path_of(change.name) + ": other users have rights on it\n";
    auto before = change.before.value_or("");
    auto after = change.after.value_or("");
    if (change.name.starts_with("pjsip")) {
        const auto old_lines = lines_of(before);
        const auto new_lines = lines_of(after);
        before = without_secrets(before, new_lines, "<hidden, old>");
        after = without_secrets(after, old_lines, "<hidden, new>");
    }
    const auto path = folder.path_of(change.name);
    return dialplan::unified_diff(before, after, change.before ? path : "/dev/null", change.after ? path : "/dev/null");
}

// extensions.conf as it is, with the line that includes the recorder; nothing when it has that line.
std::optional<Change> include_recorder(const Folder& folder, const std::optional<std::string>& main) {
    auto after = dialplan::maintain_includes(main.value_or(""), folder.path().native(), {dialplan::recorder_file},
                                             [](const std::string&) { return false; });
    if (after == main.value_or(""))
        return std::nullopt;
    return Change{dialplan::extension_files.main_file, main, std::move(after)};
}

} // namespace

std::optional<std::string> read(const Folder& folder, const std::string& name) {
    const auto found = folder.look(name);
    if (!found)
        return std::nullopt;
    const auto path = folder.path_of(name);
    if (!S_ISREG(found->st_mode))
        throw Error{Exit::config, path + " is not a regular file",
                    "replace the link by the file itself, or set --asterisk-dir to its folder"};
    const auto fd = folder.find(name);
    if (!fd)
        return std::nullopt;
    return read_file(fd->get(), path);
}

void add_others(const Folder& folder, const std::set<std::string>& active, std::vector<File>& files) {
    std::set<std::string> there;
    for (const auto& file : files)
        there.insert(file.name);
    folder.for_each_name([&](const std::string& name) {
        if (active.contains(std::string{dialplan::prefix_of_file(name)}) && !there.contains(name))
            if (auto text = read(folder, name))
                files.push_back({name, std::move(*text)});
    });
}

std::set<std::string> deployed_prefixes(const Folder& folder) {
    std::set<std::string> prefixes;
    folder.for_each_name([&](const std::string& name) {
        if (name.starts_with(dialplan::extension_files.name_begin) && !dialplan::prefix_of_file(name).empty() &&
            is_ours(folder, name))
            prefixes.emplace(dialplan::prefix_of_file(name));
    });
    return prefixes;
}

Changes compare(const Folder& folder, std::vector<File> wanted, const std::set<std::string>& active) {
    Changes changes;
    std::array<std::vector<std::string>, dialplan::file_types.size()> names;
    std::set<std::string> written;
    for (auto& file : wanted) {
        for (std::size_t i = 0; i < names.size(); ++i)
            if (dialplan::main_file_of(file.name) == dialplan::file_types[i].main_file)
                names[i].push_back(file.name);
        written.insert(file.name);
        auto before = read(folder, file.name);
        if (before && file.name == dialplan::recorder_file && !dialplan::is_ours(*before))
            throw Error{Exit::config, folder.path_of(file.name) + " was not written by pbx-dialplan-gen",
                        "rename it: the recorder needs this name"};
        if (before != file.text || has_rights_of_others(folder, file.name))
            changes.files.push_back({std::move(file.name), std::move(before), std::move(file.text)});
    }
    const auto stale = [&](const std::string& name) {
        const std::string prefix{dialplan::prefix_of_file(name)};
        if (written.contains(name))
            return false;
        if (!folder.look(name))
            return true;
        const bool is_stale = dialplan::can_be_prefix(prefix) && !active.contains(prefix);
        if (is_stale && !is_ours(folder, name))
            changes.left_out.insert(name);
        return is_stale;
    };
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto* main_file = dialplan::file_types[i].main_file;
        auto before = read(folder, main_file);
        if (i == 0 && written.contains(dialplan::recorder_file))
            changes.main_with_recorder = include_recorder(folder, before);
        auto after = dialplan::maintain_includes(before.value_or(""), folder.path().native(), names[i], stale);
        if (before.value_or("") != after)
            changes.mains.push_back({main_file, std::move(before), std::move(after)});
    }
    folder.for_each_name([&](const std::string& name) {
        const std::string prefix{dialplan::prefix_of_file(name)};
        if (dialplan::can_be_prefix(prefix) && !active.contains(prefix) && is_ours(folder, name))
            changes.removals.push_back({name, read(folder, name), std::nullopt});
    });
    std::sort(changes.removals.begin(), changes.removals.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return changes;
}

void apply(const Folder& folder, const Changes& changes, const Deadline& deadline) {
    remove_half_written(folder);
    // An organization's dialplan without the recorder would drop its calls.
    const std::span files{changes.files};
    const bool has_recorder = !files.empty() && files.front().name == dialplan::recorder_file;
    write(folder, files.first(has_recorder ? 1 : 0), deadline);
    auto mains = changes.mains;
    require_same(folder, mains);
    if (changes.main_with_recorder) {
        write(folder, std::span{&*changes.main_with_recorder, 1}, deadline);
        for (auto& change : mains)
            if (change.name == changes.main_with_recorder->name)
                change.before = changes.main_with_recorder->after;
    }
    write(folder, files.subspan(has_recorder ? 1 : 0), deadline);
    require_same(folder, mains);
    write(folder, mains, deadline);
    for (const auto& change : changes.removals) {
        folder.remove(change.name);
        log::note("removed {}", folder.path_of(change.name));
    }
    if (!changes.removals.empty())
        folder.sync();
}

std::string diff(const Folder& folder, const Changes& changes) {
    std::string result;
    for (const auto* group : {&changes.files, &changes.mains, &changes.removals})
        for (const auto& change : *group)
            result += diff_of(folder, change);
    return result;
}

} // namespace pbx::deploy
