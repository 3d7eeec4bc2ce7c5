// Follows #include lines as Asterisk does: relative to its folder, with wildcards, at most ten levels deep.
#include "deploy/sources.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/identity.hpp"
#include "base/name.hpp"
#include "dialplan/conf_lines.hpp"
#include "dialplan/includes.hpp"
#include "dialplan/render.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <glob.h>
#include <unistd.h>

#include <optional>

namespace pbx::deploy {

namespace {

namespace fs = std::filesystem;

constexpr int deepest = 10; // MAX_INCLUDE_LEVEL of Asterisk
constexpr std::size_t most_files = 20'000;
constexpr std::size_t most_bytes = 512U << 20U;

constexpr Identity no_rights{65534, 65534};

struct stat look(const Folder& folder) {
    struct stat found {};
    if (::fstat(folder.fd(), &found) != 0)
        throw system_error(Exit::io, "cannot look at " + folder.path().native(), errno);
    return found;
}

class SourceReader {
  public:
    SourceReader(const Folder& folder, const Texts& instead) : folder_{folder}, instead_{instead} {
        const auto found = look(folder);
        owner_ = identity_of(found.st_uid, found.st_gid);
        std::error_code ignored;
        base_ = fs::canonical(folder.path(), ignored);
    }

    std::vector<Source> read(const std::string& main_file) {
        follow(main_file, owner_, 0);
        return std::move(sources_);
    }

  private:
    void follow(const std::string& name, const Identity& reader, int depth) {
        if (depth > deepest || !seen_.insert(name).second)
            return;
        Source source;
        source.name = name;
        auto next = owner_;
        if (const auto given = instead_.find(name); given != instead_.end()) {
            source.text = given->second;
        } else {
            struct stat found {};
            // A deployed file is read for Asterisk, whoever owns the line that includes it.
            const bool deployed = dialplan::is_deployed_name(name);
            auto text = read_whole(base_ / name, deployed ? owner_ : reader, found);
            if (!text)
                return;
            source.text = std::move(*text);
            if (owner_.user == 0 && (found.st_uid != 0 || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0))
                next = found.st_uid == 0 ? no_rights : identity_of(found.st_uid, found.st_gid);
        }
        source.ours = dialplan::is_deployed_name(name) && dialplan::is_ours(source.text);
        bytes_ += source.text.size();
        if (seen_.size() > most_files || bytes_ > most_bytes)
            throw Error{Exit::config, folder_.path().native() + ": the configuration includes too many files",
                        "check the #include lines of " + shown(name)};
        const bool leads_on = source.text.find('#') != std::string::npos;
        const auto place = sources_.size();
        sources_.push_back(std::move(source));
        if (!leads_on)
            return;
        std::size_t number = 0;
        // A copy: what is included is added to sources_.
        const auto text = sources_[place].text;
        dialplan::for_each_conf_line(text, [&](const dialplan::ConfLine& line) {
            const auto directive = dialplan::directive_of(line.code);
            if ((directive.word == "include" || directive.word == "tryinclude") && !directive.value.empty()) {
                auto names = matches(directive.value, next);
                for (const auto& each : names)
                    follow(each, next, depth + 1);
                sources_[place].includes.emplace(number, std::move(names));
            }
            ++number;
        });
    }

    // Nothing when there is no such file.
    static std::optional<std::string> read_whole(const fs::path& path, const Identity& reader, struct stat& found) {
        const FilesAs rights{reader};
        const Fd fd{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
        if (!fd && errno == ENOENT)
            return std::nullopt;
        if (!fd || ::fstat(fd.get(), &found) != 0) {
            const int why = errno;
            throw system_error(Exit::io, "cannot read " + path.native(), why,
                               fmt::format("the user {} must be able to read what Asterisk reads",
                                           account_name(::geteuid() == 0 ? reader.user : ::geteuid())));
        }
        if (!S_ISREG(found.st_mode))
            throw Error{Exit::config, path.native() + " is not a regular file",
                        "remove the line that includes it from Asterisk's configuration"};
        return read_file(fd.get(), path.native(), most_bytes + 1);
    }

    // The files that a name in an #include line matches, sorted as glob(3) does.
    std::vector<std::string> matches(const std::string& value, const Identity& reader) const {
        std::set<std::string> names;
        const auto pattern = value.starts_with('/') ? fs::path{value} : base_ / value;
        {
            const FilesAs rights{reader};
            glob_t found{};
            // Asterisk's own flags, without GLOB_NOMAGIC, which returns names that do not exist.
            if (::glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) == 0)
                for (std::size_t i = 0; i < found.gl_pathc; ++i)
                    names.insert(name_of(found.gl_pathv[i]));
            ::globfree(&found);
        }
        // Files that are about to be written.
        const auto name = name_of(pattern);
        for (const auto& [given, text] : instead_)
            if (::fnmatch(name.c_str(), given.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0)
                names.insert(given);
        return {names.begin(), names.end()};
    }

    // The name within the folder of a file in it, whatever its path passes through; else the whole path.
    std::string name_of(const fs::path& path) const {
        std::error_code ignored;
        const auto parent = fs::weakly_canonical(path.parent_path(), ignored);
        const auto whole = (ignored ? path.parent_path().lexically_normal() : parent) / path.filename();
        const auto within = whole.lexically_relative(base_);
        return within.empty() || *within.begin() == ".." ? whole.native() : within.native();
    }

    const Folder& folder_;
    const Texts& instead_;
    Identity owner_{};
    fs::path base_;
    std::set<std::string> seen_;
    std::vector<Source> sources_;
    std::size_t bytes_ = 0;
};

} // namespace

std::vector<Source> read_sources(const Folder& folder, const std::string& main_file, const Texts& instead) {
    return SourceReader{folder, instead}.read(main_file);
}

OperatorFiles read_operator_files(const Folder& folder, const Texts& instead) {
    OperatorFiles result;
    for (const auto& [main_file, names] : {std::pair{dialplan::extension_files.main_file, &result.names.contexts},
                                           std::pair{dialplan::endpoint_files.main_file, &result.names.endpoints},
                                           std::pair{dialplan::queue_files.main_file, &result.names.queues}})
        for (const auto& source : read_sources(folder, main_file, instead)) {
            if (source.ours)
                continue;
            dialplan::for_each_conf_line(source.text, [&, names = names](const dialplan::ConfLine& line) {
                const auto section = dialplan::section_of(line.code);
                if (!section.name.empty() && !section.adds)
                    names->emplace(dialplan::lower(section.name), source.name);
                if (section.adds)
                    result.extended.insert(section.name);
                result.extended.insert(section.bases.begin(), section.bases.end());
                if (auto setting = dialplan::setting_of(line.code); setting.key == "endpoint_identifier_order")
                    result.identifier_order = std::move(setting.value);
            });
        }
    return result;
}

} // namespace pbx::deploy
