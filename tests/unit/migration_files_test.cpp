// Each thing that can be wrong with a migration file, and the message for it.
#include "base/error.hpp"
#include "catch.hpp"
#include "db/migration_files.hpp"
#include "temporary_folder.hpp"

#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;
using pbx::db::Migration;
using pbx::db::migration_fault;
using pbx::db::new_migration;
using pbx::db::read_migrations;

namespace {

std::string fault_of(const std::string& text, bool in_transaction = true) {
    Migration migration;
    migration.text = text;
    migration.in_transaction = in_transaction;
    return migration_fault(migration);
}

std::string reading_fails(const TemporaryFolder& folder) {
    try {
        read_migrations(folder.path());
    } catch (const pbx::Error& error) {
        CHECK(error.status() == pbx::Exit::config);
        CHECK_FALSE(error.hint().empty());
        return error.what();
    }
    return "nothing";
}

} // namespace

TEST_CASE("migrations are read in the order of their names, other files are left alone") {
    const TemporaryFolder folder;
    folder.write("20260102-b.sql", "select 2");
    folder.write("20260101-a-b.sql", "select 1");
    folder.write("20260101-a.sql", "select 0");
    folder.write("README.md", "x");
    folder.write(".20260103-hidden.sql", "x");
    folder.write("20260102-b.sql~", "x");
    const auto found = read_migrations(folder.path());
    REQUIRE(found.size() == 3);
    CHECK(found[0].version == "20260101-a");
    CHECK(found[1].version == "20260101-a-b");
    CHECK(found[2].version == "20260102-b");
    CHECK(found[2].text == "select 2");
}

TEST_CASE("a file whose name is not a date and words is refused by name") {
    for (const std::string name : {"2026-01-01-a.sql", "20260101.sql", "20260101-.sql", "20260101_a.sql",
                                   "20260101-a'b.sql", "20260101-a b.sql", "x.sql"}) {
        const TemporaryFolder folder;
        folder.write(name, "select 1");
        CHECK_THAT(reading_fails(folder), ContainsSubstring(name + ": is not a valid name for a migration"));
    }
}

TEST_CASE("a folder without migrations, and one that is not there, are refused by name") {
    const TemporaryFolder folder;
    CHECK_THAT(reading_fails(folder), ContainsSubstring("no migrations in"));
    CHECK_THROWS_WITH(read_migrations(folder.path() / "none"), ContainsSubstring("cannot open folder"));
}

TEST_CASE("a link or folder with a migration's name is refused") {
    const TemporaryFolder folder;
    fs::create_symlink("/etc/passwd", folder.path() / "20260101-a.sql");
    CHECK_THAT(reading_fails(folder), ContainsSubstring("is not a regular file"));
}

TEST_CASE("a leading comment opts out of the transaction, and only that one") {
    const TemporaryFolder folder;
    folder.write("20260101-a.sql", "-- why\n\n--pbx-migrate:  no-transaction \r\nselect 1");
    folder.write("20260102-b.sql", "select 1;\n-- pbx-migrate: no-transaction\n");
    folder.write("20260103-c.sql", "/* pbx-migrate: no-transaction */ select 1");
    const auto found = read_migrations(folder.path());
    CHECK_FALSE(found[0].in_transaction);
    CHECK(found[1].in_transaction);
    CHECK(found[2].in_transaction);
}

TEST_CASE("an unknown instruction is refused") {
    const TemporaryFolder folder;
    folder.write("20260101-a.sql", "-- pbx-migrate: notransaction\nselect 1");
    CHECK_THAT(reading_fails(folder), ContainsSubstring("\"pbx-migrate: notransaction\" is not a known instruction"));
}

TEST_CASE("a text that PostgreSQL would misread is named") {
    CHECK(fault_of("select ':name', $$ ' $$, E'\\''").empty());
    CHECK_THAT(fault_of(std::string{"select 1;\0 select 2", 19}), ContainsSubstring("zero byte"));
    CHECK_THAT(fault_of("\xef\xbb\xbfselect 1"), ContainsSubstring("byte order mark"));
    CHECK_THAT(fault_of("select '\xff'"), ContainsSubstring("not UTF-8"));
    CHECK_THAT(fault_of("-- words only\n;"), ContainsSubstring("no statement"));
}

TEST_CASE("a transaction command is named with its line, unless the file opted out") {
    CHECK_THAT(fault_of("select 1;\n\ncommit;\nselect 2"), ContainsSubstring("line 3: it contains COMMIT"));
    CHECK(fault_of("begin; select 1; commit;", false).empty());
}

TEST_CASE("a new migration is named for today, and must sort after the newest") {
    const TemporaryFolder folder;
    const auto path = new_migration(folder.path(), "add voice_mail");
    CHECK_THAT(path.filename().native(), Catch::Matchers::EndsWith("-add-voice-mail.sql"));
    CHECK_THAT(migration_fault(read_migrations(folder.path()).at(0)), ContainsSubstring("no statement"));
    CHECK_THROWS_WITH(new_migration(folder.path(), "add-voice-mail"), ContainsSubstring("would not sort after"));
    CHECK_THROWS_WITH(new_migration(folder.path(), "aaa"), ContainsSubstring("would not sort after"));
    for (const auto* words : {"", "../x", "a/b", "-x", ".x", "a'b", "a\nb"})
        CHECK_THROWS_WITH(new_migration(folder.path(), words), ContainsSubstring("cannot name a migration"));
}
