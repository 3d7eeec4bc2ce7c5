// Each fault of a migration file has its own message.
#include "db/migration_files.hpp"

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/folder.hpp"
#include "base/hash.hpp"
#include "base/lines.hpp"
#include "base/name.hpp"
#include "db/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace pbx::db {

namespace {

constexpr std::string_view suffix = ".sql";
constexpr std::string_view directive = "pbx-migrate:";
constexpr const char* name_hint = "migrations are named YYYYMMDD-words.sql; pbx-migrate new WORDS creates one";
constexpr std::size_t date_length = 8;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_word_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';
}

bool is_version(std::string_view name) {
    return name.size() > date_length + 1 && name.size() <= 200 && name[date_length] == '-' &&
           std::all_of(name.begin(), name.begin() + date_length, is_digit) &&
           std::all_of(name.begin() + date_length + 1, name.end(), is_word_character);
}

// False when a leading comment asks for no transaction. Throws Error (config) for an unknown instruction.
bool wants_transaction(std::string_view text, const std::string& path) {
    bool transaction = true;
    for (auto line : Lines{text}) {
        const auto trim = [&] {
            const auto first = line.find_first_not_of(" \t\r");
            line = first == std::string_view::npos ? std::string_view{} : line.substr(first);
            line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
        };
        trim();
        if (line.empty())
            continue;
        if (line.substr(0, 2) != "--")
            break;
        line.remove_prefix(2);
        trim();
        if (line.substr(0, directive.size()) != directive)
            continue;
        line.remove_prefix(directive.size());
        trim();
        if (line != "no-transaction")
            throw Error{Exit::config,
                        fmt::format("{}: \"{} {}\" is not a known instruction", path, directive, shown(line)),
                        "the only one is: -- pbx-migrate: no-transaction"};
        transaction = false;
    }
    return transaction;
}

Migration read_migration(const Folder& folder, const std::string& name) {
    const auto path = folder.path_of(name);
    const auto found = folder.look(name);
    if (!found || !S_ISREG(found->st_mode))
        throw Error{Exit::config, path + " is not a regular file", "migrations are plain files, not links"};
    Migration migration;
    migration.version = name.substr(0, name.size() - suffix.size());
    migration.path = path;
    migration.text = read_file(path);
    migration.checksum = sha256_of(migration.text);
    migration.in_transaction = wants_transaction(migration.text, path);
    return migration;
}

} // namespace

std::vector<Migration> read_migrations(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    const auto listed = [&] {
        try {
            return Folder::open(folder);
        } catch (const Error& error) {
            throw Error{error.status() == Exit::no_permission ? error.status() : Exit::config, error.what(),
                        "name the folder of migrations with --migrations or PBX_MIGRATIONS"};
        }
    }();
    listed.for_each_name([&](const std::string& name) {
        if (name.front() == '.' || name.size() < suffix.size() ||
            name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
            return;
        if (!is_version(std::string_view{name}.substr(0, name.size() - suffix.size())))
            throw Error{Exit::config, listed.path_of(name) + ": is not a valid name for a migration", name_hint};
        names.push_back(name);
    });
    if (names.empty())
        throw Error{Exit::config, "no migrations in " + folder.native(),
                    "name the folder of migrations with --migrations or PBX_MIGRATIONS"};
    // Sorted without the suffix: "-" sorts before ".", but "a" must come before "a-b".
    std::sort(names.begin(), names.end(), [](std::string_view a, std::string_view b) {
        a.remove_suffix(suffix.size());
        b.remove_suffix(suffix.size());
        return a < b;
    });
    std::vector<Migration> result;
    result.reserve(names.size());
    for (const auto& name : names)
        result.push_back(read_migration(listed, name));
    return result;
}

std::string migration_fault(const Migration& migration) {
    const std::string_view text{migration.text};
    if (text.find('\0') != std::string_view::npos)
        return "it contains a zero byte, at which PostgreSQL would stop reading";
    if (text.substr(0, 3) == "\xef\xbb\xbf")
        return "it begins with a byte order mark; save it as plain UTF-8";
    if (!is_utf8(text))
        return "it is not UTF-8";
    const auto statements = split_statements(text);
    if (statements.empty())
        return "it has no statement";
    if (!migration.in_transaction)
        return {};
    const auto found = std::find_if(statements.begin(), statements.end(), controls_transaction);
    if (found != statements.end())
        return fmt::format("line {}: it contains {}; each file runs in one transaction together with its record, so "
                           "remove it, or begin the file with \"-- pbx-migrate: no-transaction\"",
                           found->line, found->words[0]);
    return {};
}

void require_sound(const Migration& migration) {
    if (const auto fault = migration_fault(migration); !fault.empty())
        throw Error{Exit::config, migration.path.native() + ": " + fault};
}

std::filesystem::path new_migration(const std::filesystem::path& folder, const std::string& words) {
    std::string slug;
    for (const char c : words)
        slug += c == ' ' || c == '_' ? '-' : c;
    std::time_t now = std::time(nullptr);
    std::tm today{};
    ::localtime_r(&now, &today);
    const auto version = fmt::format("{:04}{:02}{:02}-{}", today.tm_year + 1900, today.tm_mon + 1, today.tm_mday, slug);
    if (slug.empty() || slug.front() == '-' || slug.front() == '.' || !is_version(version))
        throw Error{Exit::usage, fmt::format("\"{}\" cannot name a migration", shown(words)),
                    "use letters, digits, dashes: pbx-migrate new add-voicemail"};
    const auto listed = Folder::create(folder);
    std::string newest;
    listed.for_each_name([&](const std::string& name) {
        if (name.size() > suffix.size() && is_version(std::string_view{name}.substr(0, name.size() - suffix.size())))
            newest = std::max(newest, name.substr(0, name.size() - suffix.size()));
    });
    if (version <= newest)
        throw Error{Exit::usage, fmt::format("{} would not sort after {}, the newest migration", version, newest),
                    "choose a name that sorts later: migrations are applied in the order of their names"};
    AtomicFile file{listed, version + std::string{suffix}, 0644, Deadline::after(std::chrono::seconds{5})};
    write_all(file.fd(), fmt::format("-- {}: describe here what changes, and why.\n", slug), file.name());
    file.commit();
    return listed.path_of(file.name());
}

} // namespace pbx::db
