// Foreign keys go before types change, and come back after them; functions come before their triggers.
#include "db/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string_view>

namespace pbx::db {

namespace {

std::string quoted(const std::string& name) {
    std::string result{'"'};
    for (const char c : name)
        result.append(c == '"' ? 2 : 1, c);
    return result + '"';
}

// The expression without a final cast, which follows the column's type, and with one name for each thing.
std::string plain_default(const std::string& expression) {
    static const std::regex cast{R"(::[a-z ]+(\([0-9,]+\))?$)"};
    const auto plain = std::regex_replace(expression, cast, "");
    if (plain == "CURRENT_TIMESTAMP")
        return "now()";
    return plain == "uuid_generate_v4()" ? "gen_random_uuid()" : plain;
}

// The sequence of nextval('name'::regclass); empty for other expressions.
std::string sequence_of(const std::string& expression) {
    static const std::regex next{R"(nextval\('([^']+)'.*)"};
    std::smatch found;
    return std::regex_match(expression, found, next) ? found[1].str() : std::string{};
}

bool is_same_default(const SchemaColumn& a, const SchemaColumn& b) {
    if (a.fills_itself || (!sequence_of(a.default_value).empty() && !sequence_of(b.default_value).empty()))
        return true;
    return plain_default(a.default_value) == plain_default(b.default_value);
}

// New rows that do not name the column are refused.
bool is_required(const SchemaColumn& column) {
    return column.not_null && column.default_value.empty() && !column.fills_itself;
}

std::string sequence_sql(const SchemaColumn& column) {
    const auto sequence = sequence_of(column.default_value);
    return sequence.empty() ? std::string{} : fmt::format("create sequence if not exists {};\n", sequence);
}

std::string column_sql(const std::string& name, const SchemaColumn& column) {
    auto text = quoted(name) + ' ' + column.type;
    if (!column.default_value.empty())
        text += " default " + column.default_value;
    return text + (column.not_null ? " not null" : "");
}

std::string conversion(const std::string& name, const SchemaColumn& from, const SchemaColumn& to) {
    if (from.type == "timestamp without time zone" && to.type == "timestamp with time zone")
        return quoted(name) + " at time zone 'UTC'"; // what Asterisk and Sequelize write
    if (to.type == "boolean" && (from.type.ends_with("int") || from.type == "integer"))
        return quoted(name) + " <> 0";
    return fmt::format("{}::text::{}", quoted(name), to.type);
}

class Comparison {
  public:
    Comparison(const Schema& actual, const Schema& wanted) : actual_{actual}, wanted_{wanted} {}

    std::vector<SchemaDifference> run() {
        drop_foreign_keys_of_changing_columns();
        for (const auto& [name, table] : wanted_.tables)
            if (const auto found = actual_.tables.find(name); found == actual_.tables.end())
                create(name, table);
            else
                compare_columns(name, found->second, table);
        for (const auto& [name, text] : wanted_.functions)
            if (const auto found = actual_.functions.find(name); found == actual_.functions.end())
                add("function " + name + " is missing", text + ';');
            else if (found->second != text)
                add("function " + name + " differs", text + ';');
        for (const auto& [name, table] : wanted_.tables)
            for (const auto& [what, statement] : table.indexes)
                if (!actual(name).indexes.contains(what))
                    add("an index is missing: " + what, statement + ';');
        for (const auto& [name, table] : wanted_.tables) {
            compare_constraints(name, actual(name), table);
            compare_triggers(name, actual(name), table);
        }
        return std::move(result_);
    }

  private:
    void add(std::string text, std::string sql) { result_.push_back({std::move(text), std::move(sql)}); }

    void alter(std::string text, const std::string& table, const std::string& change) {
        add(std::move(text), fmt::format("alter table {} {};", quoted(table), change));
    }

    const SchemaTable& actual(const std::string& table) const {
        static const SchemaTable none;
        const auto found = actual_.tables.find(table);
        return found == actual_.tables.end() ? none : found->second;
    }

    bool has_another_type(const std::string& table, const std::string& column) const {
        const auto wanted = wanted_.tables.find(table);
        if (wanted == wanted_.tables.end())
            return false;
        const auto* a = actual(table).find(column);
        const auto* w = wanted->second.find(column);
        return a != nullptr && w != nullptr && a->type != w->type;
    }

    void drop_foreign_keys_of_changing_columns() {
        static const std::regex column{R"((\S+)\.(\S+))"};
        for (const auto& [name, table] : actual_.tables)
            for (const auto& key : table.constraints) {
                const std::sregex_iterator end;
                const bool changes =
                    std::any_of(std::sregex_iterator{key.columns.begin(), key.columns.end(), column}, end,
                                [&](const std::smatch& found) { return has_another_type(found[1], found[2]); });
                if (!changes)
                    continue;
                alter(fmt::format("foreign key {} of {} prevents a change of types", key.name, name), name,
                      "drop constraint " + quoted(key.name));
                dropped_.emplace(name, key.name);
            }
    }

    void create(const std::string& name, const SchemaTable& table) {
        std::string sequences;
        std::string list;
        for (const auto& [column, what] : table.columns) {
            sequences += sequence_sql(what);
            list += (list.empty() ? "\n    " : ",\n    ") + column_sql(column, what);
        }
        add(fmt::format("table {} is missing", name),
            fmt::format("{}create table {} ({});", sequences, quoted(name), list));
    }

    void compare_columns(const std::string& table, const SchemaTable& actual, const SchemaTable& wanted) {
        for (const auto& [name, column] : wanted.columns)
            if (const auto* found = actual.find(name); found == nullptr)
                add(fmt::format("column {}.{} is missing", table, name),
                    fmt::format("{}alter table {} add column {};", sequence_sql(column), quoted(table),
                                column_sql(name, column)));
            else
                compare(table, name, *found, column);
        for (const auto& [name, column] : actual.columns)
            if (wanted.find(name) == nullptr && is_required(column))
                alter(fmt::format("column {}.{} is unknown, not null and without a default: new rows are refused",
                                  table, name),
                      table,
                      fmt::format("alter column {} {}", quoted(name),
                                  column.type.starts_with("timestamp") ? "set default now()" : "drop not null"));
    }

    void compare(const std::string& table, const std::string& name, const SchemaColumn& actual,
                 const SchemaColumn& wanted) {
        const auto what = fmt::format("column {}.{}", table, name);
        const auto column = "alter column " + quoted(name);
        const bool has_same_type = actual.type == wanted.type;
        const auto default_change = wanted.default_value.empty()
                                        ? fmt::format("{} drop default", column)
                                        : fmt::format("{} set default {}", column, wanted.default_value);
        if (!has_same_type)
            alter(fmt::format("{} is {}, and must be {}", what, actual.type, wanted.type), table,
                  fmt::format("{0} drop default, {0} type {1} using {2}{3}", column, wanted.type,
                              conversion(name, actual, wanted),
                              wanted.default_value.empty() ? "" : ", " + default_change));
        else if (!is_same_default(actual, wanted))
            add(fmt::format("{} has {}, and must have {}", what,
                            actual.default_value.empty() ? "no default" : "the default " + actual.default_value,
                            wanted.default_value.empty() ? "none" : wanted.default_value),
                fmt::format("{}alter table {} {};", sequence_sql(wanted), quoted(table), default_change));
        if (wanted.not_null && !actual.not_null)
            add(what + " allows null, and must not",
                fmt::format("{}alter table {} {} set not null;", fill_nulls(table, name, wanted), quoted(table),
                            column));
        if (!wanted.not_null && is_required(actual))
            alter(what + " is not null, and must allow null", table, column + " drop not null");
    }

    static std::string fill_nulls(const std::string& table, const std::string& name, const SchemaColumn& wanted) {
        if (wanted.default_value.empty())
            return {};
        return fmt::format("update {0} set {1} = {2} where {1} is null;\n", quoted(table), quoted(name),
                           wanted.default_value);
    }

    void compare_constraints(const std::string& table, const SchemaTable& actual, const SchemaTable& wanted) {
        for (const auto& constraint : wanted.constraints) {
            const bool exists =
                std::any_of(actual.constraints.begin(), actual.constraints.end(), [&](const SchemaConstraint& each) {
                    return each.definition == constraint.definition && !dropped_.contains({table, each.name});
                });
            if (exists)
                continue;
            std::string change;
            // One that says something else about the same columns, or has the same name.
            for (const auto& each : actual.constraints)
                if (!dropped_.contains({table, each.name}) &&
                    (each.name == constraint.name || (!each.columns.empty() && each.columns == constraint.columns)))
                    change += "drop constraint " + quoted(each.name) + ", ";
            alter(fmt::format("a constraint of {} is missing: {}", table, constraint.definition), table,
                  fmt::format("{}add constraint {} {}", change, quoted(constraint.name), constraint.definition));
        }
    }

    void compare_triggers(const std::string& table, const SchemaTable& actual, const SchemaTable& wanted) {
        for (const auto& [name, statement] : wanted.triggers) {
            const auto found = actual.triggers.find(name);
            if (found == actual.triggers.end())
                add(fmt::format("trigger {} of {} is missing", name, table), statement + ';');
            else if (found->second != statement)
                add(fmt::format("trigger {} of {} differs", name, table),
                    fmt::format("drop trigger {} on {};\n{};", quoted(name), quoted(table), statement));
        }
    }

    const Schema& actual_;
    const Schema& wanted_;
    std::vector<SchemaDifference> result_;
    std::set<std::pair<std::string, std::string>> dropped_; ///< foreign keys, by table and name
};

} // namespace

std::vector<SchemaDifference> compare(const Schema& actual, const Schema& wanted) {
    return Comparison{actual, wanted}.run();
}

} // namespace pbx::db
