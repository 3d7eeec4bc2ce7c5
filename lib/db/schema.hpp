// A database schema as PostgreSQL's catalogs have it, and what makes one of it into another.
#pragma once

#include "base/deadline.hpp"

#include <libpq-fe.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pbx::db {

struct SchemaColumn {
    std::string type;          ///< as format_type() prints it: "uuid", "character varying(36)"
    std::string default_value; ///< an expression; empty when there is none
    bool not_null = false;
    bool fills_itself = false; ///< generated, or an identity
};

struct SchemaConstraint {
    std::string name;
    std::string columns;    ///< of both tables of a foreign key, "table.column ..."; empty for others
    std::string definition; ///< as pg_get_constraintdef() prints it
};

struct SchemaTable {
    std::vector<std::pair<std::string, SchemaColumn>> columns; ///< in the order of the table
    std::vector<SchemaConstraint> constraints;                 ///< foreign keys and checks
    std::map<std::string, std::string> indexes;  ///< statement by what it indexes, without the index's name
    std::map<std::string, std::string> triggers; ///< statement by name

    const SchemaColumn* find(const std::string& name) const;
};

struct Schema {
    std::map<std::string, SchemaTable> tables;
    std::map<std::string, std::string> functions; ///< statement by name
};

/// Reads the schema `name`. Throws Error (unavailable).
Schema read_schema(PGconn* connection, const std::string& name, const Deadline& deadline);

/// What `actual` lacks or has differently, in words, and the SQL that changes it; empty where only a person can decide.
struct SchemaDifference {
    std::string text;
    std::string sql;
};

/// All that has to change before `actual` serves as `wanted`, in the order in which the statements can run. What
/// `actual` has beside it is none, but for columns that prevent new rows.
std::vector<SchemaDifference> compare(const Schema& actual, const Schema& wanted);

} // namespace pbx::db
