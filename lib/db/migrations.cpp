// The commands of pbx-migrate.
#include "db/migrations.hpp"

#include "base/log.hpp"
#include "base/output.hpp"
#include "base/pager.hpp"
#include "base/printable.hpp"
#include "base/table.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <version.hpp>

#include <algorithm>

namespace pbx::db {

namespace {

void require_known(const std::vector<Migration>& files, const std::string& version) {
    if (std::none_of(files.begin(), files.end(), [&](const auto& file) { return file.version == version; }))
        throw Error{Exit::usage, fmt::format("there is no migration {}", version),
                    fmt::format("the newest is {}; pbx-migrate status lists all", files.back().version)};
}

std::vector<const Migration*> up_to(const std::vector<Migration>& files, const std::string& version) {
    std::vector<const Migration*> result;
    for (const auto& file : files)
        if (file.version <= version)
            result.push_back(&file);
    return result;
}

// As a script for psql.
void print_differences(const std::vector<SchemaDifference>& differences) {
    if (differences.empty())
        return;
    output::print("begin;\n");
    for (const auto& difference : differences)
        output::print("-- {}\n{}\n", printable(difference.text), difference.sql);
    output::print("commit;\n");
}

void print_json(const std::vector<MigrationEntry>& entries) {
    nlohmann::ordered_json report;
    report["schema"] = 1;
    report["version"] = pbx::version;
    report["migrations"] = nlohmann::ordered_json::array();
    for (const auto& entry : entries) {
        nlohmann::ordered_json item;
        item["version"] = entry.version;
        item["state"] = name_of(entry.state);
        item["checksum"] = entry.file == nullptr ? nullptr : nlohmann::ordered_json(entry.file->checksum);
        item["applied_checksum"] = entry.record ? nlohmann::ordered_json(entry.record->checksum) : nullptr;
        item["applied_at"] = entry.record ? nlohmann::ordered_json(entry.record->applied_at) : nullptr;
        item["duration_ms"] = entry.record ? nlohmann::ordered_json(entry.record->duration.count()) : nullptr;
        report["migrations"].push_back(std::move(item));
    }
    report["applied"] = count(entries, MigrationState::applied);
    report["pending"] = count(entries, MigrationState::pending) + count(entries, MigrationState::out_of_order);
    report["changed"] = count(entries, MigrationState::changed);
    report["vanished"] = count(entries, MigrationState::vanished);
    output::print("{}\n", report.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
}

Colour colour_of_state(const std::string& state) {
    return state == name_of(MigrationState::applied)   ? Colour::green
           : state == name_of(MigrationState::pending) ? Colour::yellow
                                                       : Colour::red;
}

void print_table(const std::vector<MigrationEntry>& entries) {
    Table table{{{.name = "version"},
                 {.name = "state", .width = 12, .is_kept = true, .colour = colour_of_state},
                 {.name = "applied_at", .width = 25}},
                Table::Form::automatic};
    for (const auto& entry : entries)
        table.row({entry.version, name_of(entry.state), entry.record ? entry.record->applied_at : "-"});
    table.finish();
}

void print_versions(const std::vector<const Migration*>& files) {
    for (const auto* file : files)
        output::print("{}\n", printable(file->version));
}

} // namespace

Exit migrate_up(const MigrateOptions& options, const std::string& to, bool dry_run) {
    const auto files = read_migrations(options.folder);
    if (!to.empty())
        require_known(files, to);
    MigrationRunner runner{options};
    if (!dry_run)
        runner.lock();
    const auto entries = compare(files, runner.records());
    require_clean(entries);
    const auto todo = pending(entries, to);
    // Check all files before the first one runs, so that a bad file does not leave half of a release.
    for (const auto* file : todo)
        require_sound(*file);
    if (dry_run) {
        print_versions(todo);
        return Exit::ok;
    }
    for (const auto* file : todo) {
        const auto start = std::chrono::steady_clock::now();
        runner.apply(*file);
        log::warn(
            "applied {} in {} ms", file->version,
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count());
    }
    if (todo.empty())
        log::note("nothing is pending");
    return Exit::ok;
}

Exit migrate_status(const MigrateOptions& options, bool json) {
    const auto files = read_migrations(options.folder);
    const auto entries = compare(files, MigrationRunner{options}.records());
    pager::begin();
    if (json)
        print_json(entries);
    else
        print_table(entries);
    for (const auto& entry : entries)
        if (entry.is_fault())
            log::error(entry.fault());
    if (count(entries, MigrationState::changed) + count(entries, MigrationState::vanished) > 0)
        return Exit::data;
    return count(entries, MigrationState::pending) + count(entries, MigrationState::out_of_order) > 0 ? Exit::differs
                                                                                                      : Exit::ok;
}

Exit migrate_verify(const MigrateOptions& options) {
    const auto files = read_migrations(options.folder);
    MigrationRunner runner{options};
    const auto entries = compare(files, runner.records());
    auto status = Exit::ok;
    const auto say = [&](const Error& error) {
        log::error(error);
        status = Exit::data;
    };
    for (const auto& entry : entries) {
        if (entry.is_fault())
            say(entry.fault());
        if (entry.state == MigrationState::pending || entry.state == MigrationState::out_of_order)
            if (const auto fault = migration_fault(*entry.file); !fault.empty())
                say({Exit::data, entry.file->path.native() + ": " + fault});
    }
    for (const auto& index : runner.invalid_indexes())
        say({Exit::data, fmt::format("index {} is INVALID: PostgreSQL did not finish it and does not use it", index),
             fmt::format("REINDEX INDEX CONCURRENTLY {};", index)});
    log::note("{} applied, {} pending", count(entries, MigrationState::applied),
              count(entries, MigrationState::pending) + count(entries, MigrationState::out_of_order));
    return status;
}

Exit migrate_check(const MigrateOptions& options, const std::string& version) {
    const auto files = read_migrations(options.folder);
    if (!version.empty())
        require_known(files, version);
    MigrationRunner runner{options};
    const auto entries = compare(files, runner.records());
    const bool all = version.empty() && count(entries, MigrationState::applied) == 0;
    std::vector<const Migration*> compared;
    for (const auto& entry : entries)
        if (entry.file != nullptr && (all || (version.empty() ? entry.record.has_value() : entry.version <= version)))
            compared.push_back(entry.file);
    const auto differences = runner.differences_from(compared);
    print_differences(differences);
    if (differences.empty())
        log::note("the schema is what {} and the migrations before it make", compared.back()->version);
    return differences.empty() ? Exit::ok : Exit::differs;
}

Exit migrate_baseline(const MigrateOptions& options, const std::string& version, bool force, bool dry_run) {
    const auto files = read_migrations(options.folder);
    require_known(files, version);
    MigrationRunner runner{options};
    if (!dry_run)
        runner.lock();
    const auto entries = compare(files, runner.records());
    std::vector<const Migration*> missing;
    for (const auto& entry : entries) {
        if (entry.state == MigrationState::changed || entry.state == MigrationState::vanished)
            throw entry.fault();
        if (entry.state != MigrationState::applied && entry.version <= version)
            missing.push_back(entry.file);
    }
    if (missing.empty())
        return Exit::ok;
    if (!force)
        if (const auto differences = runner.differences_from(up_to(files, version)); !differences.empty()) {
            print_differences(differences);
            throw Error{
                Exit::data,
                fmt::format("nothing was recorded: the schema is not what {} makes; {} printed on stdout, with "
                            "the SQL that removes them",
                            version, differences.size() == 1 ? "the difference is" : "the differences are"),
                "read the SQL and run it with psql, then repeat this; --force records the versions all the same"};
        }
    if (dry_run) {
        print_versions(missing);
        return Exit::ok;
    }
    runner.record_all(missing);
    for (const auto* file : missing)
        log::warn("recorded {} as applied, without running it", file->version);
    return Exit::ok;
}

} // namespace pbx::db
