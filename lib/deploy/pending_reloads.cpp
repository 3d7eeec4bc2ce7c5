// One name per line.
#include "deploy/pending_reloads.hpp"

#include "base/atomic_file.hpp"
#include "base/fd.hpp"
#include "deploy/changes.hpp"
#include "dialplan/includes.hpp"

namespace pbx::deploy {

namespace {

constexpr const char* file_name = ".pbx-dialplan-gen.reload";

} // namespace

std::set<std::string> read_pending_reloads(const Folder& folder) {
    std::set<std::string> result;
    const auto text = read(folder, file_name).value_or("");
    for (const auto& type : dialplan::file_types)
        if (text.find(type.main_file) != std::string::npos)
            result.insert(type.main_file);
    return result;
}

void write_pending_reloads(const Folder& folder, const std::set<std::string>& main_files, const Deadline& deadline) {
    std::string text;
    for (const auto& main_file : main_files)
        text += main_file + '\n';
    AtomicFile file{folder, file_name, 0640, deadline};
    write_all(file.fd(), text, folder.path_of(file_name));
    file.commit();
}

void clear_pending_reloads(const Folder& folder) {
    folder.remove(file_name);
}

} // namespace pbx::deploy
