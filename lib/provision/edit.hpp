// Changes to several rows at once: tried in memory, shown, and made in one transaction.
#pragma once

#include "provision/fields.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

namespace pbx::provision {

/// Lets `edit` change the organizations in memory, refuses what pbx-dialplan-gen would leave out, stores the change,
/// states what it does to recording, and, for a dry run or with --json, prints it. A dry run takes it back before that.
/// Throws Error.
Exit carry_out(const Context& context, Provisioner& work, const std::function<void()>& edit);

/// The fields of a row as an operator gives them: texts, or the values of a JSON document.
using Given = Json;

/// Whether a value that a row has already is checked like a new one. In a file it may be one that another program has
/// stored, and must not keep the other rows from being applied.
enum class Known { check, keep };

/// Throws Error (usage) for a field that the kind does not have, or a value that the field cannot have.
template <typename Row>
void set_fields(const Organization& owner, Row& row, const Given& given, const char* kind, Known known);

/// Sets a row's fields; a new name or number changes what refers to it: the destinations of DIDs and queues.
void set_row_fields(Organization& owner, RowKind kind, const std::string& stored, const Given& given, Known known);

/// Adds a row with these fields; its name is one of them.
void add_row(Organization& owner, RowKind kind, const Given& given);

/// Sets the fields of an organization.
void set_organization_fields(Organization& owner, const Given& given, Known known);

} // namespace pbx::provision
