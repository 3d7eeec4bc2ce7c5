// Statements of a migration, found without understanding SQL.
#include "catch.hpp"
#include "db/sql_text.hpp"

#include <algorithm>

using pbx::db::controls_transaction;
using pbx::db::is_concurrent;
using pbx::db::line_of_character;
using pbx::db::name_of_created_index;
using pbx::db::split_statements;

namespace {

std::vector<std::string> texts(std::string_view sql) {
    std::vector<std::string> result;
    for (const auto& statement : split_statements(sql))
        result.emplace_back(statement.text);
    return result;
}

bool has_control(std::string_view sql) {
    const auto statements = split_statements(sql);
    return std::any_of(statements.begin(), statements.end(), controls_transaction);
}

} // namespace

TEST_CASE("a text is split at its semicolons, and empty statements vanish") {
    CHECK(texts("select 1; select 2") == std::vector<std::string>{"select 1", "select 2"});
    CHECK(texts("  ;; \n; ").empty());
    CHECK(texts("-- nothing but words\n/* and /* nested */ ones */").empty());
}

TEST_CASE("a semicolon in quotes, dollar quotes, comments or parentheses does not split") {
    for (const std::string one :
         {R"(select ';', 'it''s;', E'\';', ";")", "select $$;$$", "do $tag$ begin; $$ ; $$ end; $tag$",
          "select 1 -- ; here\n + 1", "select /* ; /* ; */ ; */ 1",
          "create rule r as on insert to t do also (insert into a values (1); insert into b values (2))",
          "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
          "select a$b$c from t where x = '$;$'", "select $1"})
        CHECK(texts(one + ";") == std::vector<std::string>{one});
}

TEST_CASE("a quote or comment that is never closed extends to the end of the text") {
    for (const std::string one : {"select 'a; b", "select $x$ ; $y$ ;", "select \"; ", "select 1 /* ; "})
        CHECK(texts(one).size() == 1);
}

TEST_CASE("a statement knows the line of its first word") {
    const auto found = split_statements("-- one\n\nselect\n 'a\nb';\n/* x\n */ select 2;select 3");
    REQUIRE(found.size() == 3);
    CHECK(found[0].line == 3);
    CHECK(found[1].line == 7);
    CHECK(found[2].line == 7);
}

TEST_CASE("transaction commands are recognized in any case, and words that only look like them are not") {
    for (const auto* sql :
         {"commit", "select 1; COMMIT work;", "/* x */ Begin;", "end;", "abort", "rollback", "rollback and chain",
          "start transaction", "prepare transaction 'x'", "commit prepared 'x'"})
        CHECK(has_control(sql));
    for (const auto* sql :
         {"rollback to savepoint a", "rollback work to a", "savepoint a", "prepare q as select 1", "select 'commit'",
          "do $$ begin perform 1; end $$", "-- commit;", "create table commit (a int)", "\"commit\" ",
          "create function f() returns int begin atomic select 1; end;"})
        CHECK_FALSE(has_control(sql));
}

TEST_CASE("a position is counted in characters, not in bytes") {
    CHECK(line_of_character("abc", 1) == 1);
    CHECK(line_of_character("ä\nb", 3) == 2);
    CHECK(line_of_character("ääää\nb\nc", 8) == 3);
    CHECK(line_of_character("a\n", 99) == 2);
}

TEST_CASE("the name of the index that a statement creates is found") {
    const auto name = [](std::string_view sql) { return name_of_created_index(split_statements(sql).at(0)); };
    CHECK(name("create index a_x on a (x)") == "a_x");
    CHECK(name("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS A_x$1 ON a (x)") == "a_x$1");
    CHECK(name("create /* index y */ index\n-- index z\n concurrently\tif not exists \"A \"\"x\" on a (x)") == "A \"x");
    CHECK(name("create index \xc3\xa4 on a (x)") == "\xc3\xa4");
    CHECK(name("create index on a (leg)").empty());
    CHECK(name("create table leg (x int)").empty());
    CHECK(name("drop index leg").empty());
    CHECK(name("comment on index leg is 'create index leg on a (x)'").empty());
}

TEST_CASE("a statement with CONCURRENTLY is found") {
    const auto concurrent = [](std::string_view sql) { return is_concurrent(split_statements(sql).at(0)); };
    CHECK(concurrent("create unique index concurrently a_x on a (x)"));
    CHECK(concurrent("reindex (verbose) table concurrently a"));
    CHECK_FALSE(concurrent("create index a_x on a (x)"));
    CHECK_FALSE(concurrent("comment on table a is 'concurrently'"));
}
