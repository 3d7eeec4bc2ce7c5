// One query per catalog. Names in definitions are unqualified, since search_path is the schema that is read.
#include "db/patient_query.hpp"
#include "db/schema.hpp"

#include <algorithm>
#include <functional>

namespace pbx::db {

namespace {

constexpr const char* columns = R"(
    select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
        a.attnotnull, a.attidentity <> '' or a.attgenerated <> ''
    from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on (d.adrelid, d.adnum) = (c.oid, a.attnum)
    where c.relnamespace = cast($1 as regnamespace) and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
    order by c.relname collate "C", a.attnum)";

// Unique ones are compared as indexes: a constraint and an index do the same.
constexpr const char* constraints = R"(
    select c.relname, o.conname, pg_get_constraintdef(o.oid), coalesce((
        select string_agg(format('%s.%s', a.attrelid::regclass, a.attname), ' ')
        from pg_attribute a where o.contype = 'f' and ((a.attrelid = o.conrelid and a.attnum = any(o.conkey))
            or (a.attrelid = o.confrelid and a.attnum = any(o.confkey)))), '')
    from pg_class c join pg_constraint o on o.conrelid = c.oid
    where c.relnamespace = cast($1 as regnamespace) and o.contype in ('f', 'c')
    order by c.relname collate "C", o.conname collate "C")";

constexpr const char* indexes = R"(
    select c.relname, replace(pg_get_indexdef(i.indexrelid, 0, true), format(' INDEX %I ON ', x.relname), ' INDEX ON '),
        pg_get_indexdef(i.indexrelid, 0, true)
    from pg_class c join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid
    where c.relnamespace = cast($1 as regnamespace) and i.indisvalid)";

constexpr const char* triggers = R"(
    select c.relname, t.tgname, pg_get_triggerdef(t.oid, true)
    from pg_class c join pg_trigger t on t.tgrelid = c.oid
    where c.relnamespace = cast($1 as regnamespace) and not t.tgisinternal)";

constexpr const char* functions = R"(
    select p.proname, replace(pg_get_functiondef(p.oid), format(' FUNCTION %s.', p.pronamespace::regnamespace), ' FUNCTION ')
    from pg_proc p where p.pronamespace = cast($1 as regnamespace) and p.prokind = 'f')";

class Reader {
  public:
    Reader(PGconn* connection, const std::string& name, const Deadline& deadline)
        : connection_{connection}, name_{name}, deadline_{deadline} {}

    using Row = std::function<std::string(int column)>;

    void for_each(const char* query, const std::function<void(const Row&)>& each) {
        const auto rows = ask_patiently(connection_, "read the schema", query, {name_}, deadline_);
        for (int row = 0; row < PQntuples(rows.get()); ++row)
            each([&](int column) { return std::string{PQgetvalue(rows.get(), row, column)}; });
    }

  private:
    PGconn* connection_;
    const std::string& name_;
    const Deadline& deadline_;
};

} // namespace

const SchemaColumn* SchemaTable::find(const std::string& name) const {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.first == name; });
    return found == columns.end() ? nullptr : &found->second;
}

Schema read_schema(PGconn* connection, const std::string& name, const Deadline& deadline) {
    ask_patiently(connection, "choose the schema", "select set_config('search_path', $1, true)", {name}, deadline);
    Reader reader{connection, name, deadline};
    Schema schema;
    reader.for_each(columns, [&](const Reader::Row& row) {
        schema.tables[row(0)].columns.push_back({row(1), {row(2), row(3), row(4) == "t", row(5) == "t"}});
    });
    reader.for_each(constraints, [&](const Reader::Row& row) {
        schema.tables[row(0)].constraints.push_back({row(1), row(3), row(2)});
    });
    reader.for_each(indexes, [&](const Reader::Row& row) { schema.tables[row(0)].indexes.emplace(row(1), row(2)); });
    reader.for_each(triggers, [&](const Reader::Row& row) { schema.tables[row(0)].triggers.emplace(row(1), row(2)); });
    reader.for_each(functions, [&](const Reader::Row& row) { schema.functions.emplace(row(0), row(1)); });
    return schema;
}

} // namespace pbx::db
