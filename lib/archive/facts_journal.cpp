// One JSON object per line (object_facts.hpp).
#include "archive/facts_journal.hpp"

#include "archive/object_facts.hpp"
#include "base/lines.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/trust.hpp"
#include "db/recordings.hpp"
#include "db/session.hpp"
#include "spool/journal_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

namespace pbx::archive {

namespace {

constexpr const char* journal = ".facts";
constexpr std::size_t longest_line = 8192; // three texts of 255 bytes, each of six characters in JSON

constexpr std::chrono::seconds patience{60}; // for a thousand rows
constexpr std::chrono::hours owners_wanted{8 * 24};

// The complete lines of the open journal that are not too long.
void for_each_line(int fd, const std::string& path, const std::function<void(std::string_view line)>& each) {
    constexpr std::size_t block = 1U << 18U;
    std::string text;
    std::uint64_t offset = 0;
    for (std::size_t got = block; got == block; offset += got) {
        const auto before = text.size();
        text.resize(before + block);
        got = read_at(fd, std::span{text}.subspan(before), offset, path);
        text.resize(before + got);
        const auto complete = take_complete_lines(text);
        for (const auto line : Lines{complete})
            if (line.size() <= longest_line)
                each(line);
        if (text.size() > longest_line)
            text.erase(0, text.size() - longest_line - 1); // not one of ours: only its end is still looked for
    }
}

// Stores facts in parts, so that memory stays bounded.
class FactsLoader {
  public:
    using Refused = std::function<void(const Error&, std::string_view line)>;

    FactsLoader(const ArchiveOptions& options, const Deadline& deadline, Refused refused)
        : deadline_{deadline}, refused_{std::move(refused)}, naming_{options.places.naming()} {
        db::connect(session_, options.database, patience);
    }

    void add(nlohmann::json facts) {
        facts["line"] = line_++;
        rows_.push_back(std::move(facts));
        constexpr std::size_t rows_at_once = 1000;
        if (rows_.size() >= rows_at_once)
            store();
    }

    void store() {
        const auto rows = std::exchange(rows_, nlohmann::json::array());
        if (!rows.empty() && !try_to_store(rows) && rows.size() > 1)
            for (const auto& row : rows)
                try_to_store(nlohmann::json::array({row}));
    }

    std::uint64_t count() const { return line_; }

  private:
    // False when the database refuses one of the rows, for example a name that its encoding lacks.
    bool try_to_store(const nlohmann::json& rows) {
        try {
            db::store_recordings(session_, naming_, rows.dump(), deadline_.at_most(patience));
            return true;
        } catch (const Error& error) {
            if (error.status() != Exit::data)
                throw;
            if (rows.size() == 1)
                refused_({Exit::data,
                          "facts of " + shown(rows[0]["name"].get_ref<const std::string&>()) + ": " + error.what(),
                          error.hint()},
                         rows[0].dump());
            return false;
        }
    }

    soci::session session_;
    const Deadline& deadline_;
    Refused refused_;
    db::LegNaming naming_;
    nlohmann::json rows_ = nlohmann::json::array();
    std::uint64_t line_ = 0;
};

} // namespace

void for_each_journaled_fact(const Folder& spool, const std::function<void(const nlohmann::json& facts)>& each) {
    const auto fd = open_trusted(spool, journal);
    if (!fd)
        return;
    for_each_line(fd->get(), spool.path_of(journal), [&](std::string_view line) {
        try {
            if (const auto facts = parse_facts(line); !facts.is_null())
                each(facts);
        } catch (const Error& error) {
            log::note("{}: {}", spool.path_of(journal), error.what()); // the next run of pbx-archive reports it
        }
    });
}

void FactsJournal::record(Shelf shelf, const std::vector<SourceFile>& files) {
    if (files.empty())
        return;
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    auto rows = nlohmann::json::array();
    std::string lines;
    for (const auto& file : files) {
        rows.push_back(facts_of(file, shelf, options_.node, now));
        lines += rows.back().dump() + "\n";
    }
    const auto appended = spool::append_lines(spool_, journal, lines);
    if (!appended.disk_full)
        return;
    log::note("{}; the facts go to the database", appended.disk_full->what());
    try {
        const auto deadline = Deadline::after(patience);
        FactsLoader loader{options_, deadline, [](const Error& error, std::string_view) { throw Error{error}; }};
        for (auto& row : rows)
            loader.add(std::move(row));
        loader.store();
    } catch (const Error& error) {
        log::note("{}", error.what());
        throw Error{*appended.disk_full};
    }
}

void FactsJournal::load(const Deadline& deadline) {
    const auto fd = open_trusted(spool_, journal);
    if (!fd)
        return;
    try {
        load_lines(fd->get(), deadline);
    } catch (const Error& error) {
        if (error.status() == Exit::io)
            throw;
        const auto what =
            fmt::format("facts of archived recordings stay in {}: {}", spool_.path_of(journal), error.what());
        if (error.status() == Exit::no_permission)
            log::warn("{}", what);
        else
            log::note("{}", what);
        return;
    }
    spool_.remove(journal);
    spool_.sync();
}

void FactsJournal::name_owners(const Deadline& deadline) {
    try {
        const auto now = current_second();
        soci::session session;
        db::connect(session, options_.database, patience);
        db::name_owners(session, options_.places.naming(), now - owners_wanted, deadline.at_most(patience));
    } catch (const Error& error) {
        log::note("owners of archived recordings are not looked for: {}", error.what());
    }
}

// Whoever finds out why they were refused can append them to the journal again.
void FactsJournal::keep_refused(std::string_view lines) {
    constexpr const char* file = ".facts.refused";
    if (lines.empty())
        return;
    if (const auto appended = spool::append_lines(spool_, file, lines); appended.disk_full)
        throw Error{*appended.disk_full};
    report_.add_run_failure({Exit::data, fmt::format("{} lines of facts were refused so far", refused_),
                             "they are kept in " + spool_.path_of(file)});
}

void FactsJournal::load_lines(int fd, const Deadline& deadline) {
    std::string refused;
    const auto refuse = [&](const Error& error, std::string_view line) {
        constexpr int most_named = 10;
        if (++refused_ <= most_named)
            report_.add_run_failure({error.status(), spool_.path_of(journal) + ": " + error.what(), error.hint()});
        refused.append(line).append("\n");
    };
    FactsLoader loader{options_, deadline, refuse};
    for_each_line(fd, spool_.path_of(journal), [&](std::string_view line) {
        try {
            if (auto facts = parse_facts(line); !facts.is_null())
                loader.add(std::move(facts));
        } catch (const Error& error) {
            refuse(error, line);
        }
    });
    loader.store();
    keep_refused(refused);
    log::note("stored the facts of {} archived {}", loader.count(), loader.count() == 1 ? "object" : "objects");
}

} // namespace pbx::archive
