// The rows of an organization in memory: finding one by the name that an operator gives, and messages about it.
#pragma once

#include "base/error.hpp"
#include "tenants/organization.hpp"
#include "tenants/row_kinds.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace pbx::provision {

using tenants::Organization;
using tenants::RowKind;

template <typename Row>
const Row* find(const std::vector<Row>& rows, std::string Row::*key, const std::string& name) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.*key == name; });
    return found == rows.end() ? nullptr : &*found;
}

// These throw Error (no_input) for a row that does not exist.

/// The id of a trunk by its name; empty when `name` is.
std::string trunk_id(const Organization& owner, const std::string& name);
const tenants::User& user_of(const Organization& owner, const std::string& extension);
const tenants::Queue& queue_of(const Organization& owner, const std::string& number);
/// Whether both name the same row: two spellings of a DID have the same digits.
bool is_same_name(RowKind kind, const std::string& one, const std::string& other);
/// The name of a row as the database holds it: the number of a DID may be given in another spelling.
std::string stored_name(const Organization& owner, RowKind kind, const std::string& name);

void remove_from(Organization& owner, RowKind kind, const std::string& name);

/// Throws Error (usage) for a text that is too long, not UTF-8, or has control characters.
void require_text(const std::string& text, const char* what);
/// The same, also for an empty text.
void require_name(const std::string& text, const char* what);

/// The organization's name, for messages.
std::string name_of(const Organization& organization);

/// Throws Error (usage) when another organization has the name of `wanted` as its name, prefix or id, or the prefix if
/// `wanted` is new: the text would not tell the two apart.
void require_clear_name(const Organization& wanted, bool is_new, const std::vector<Organization>& all);

/// The Error for a row that `wanting` cannot have because `holder` has it: usage where they are one organization, else
/// data.
Error already_exists(RowKind kind, const std::string& name, const Organization& wanting, const Organization& holder);
/// Throws it when `owner` has a row of this kind with this name.
void require_new_name(const Organization& owner, RowKind kind, const std::string& name);

/// The numbers of the queues that a user is a member of.
std::vector<std::string> queues_of(const Organization& owner, const tenants::User& user);

/// Warns when calls at a row will not be recorded.
void warn_if_unrecorded(RowKind kind, const std::string& name, const Organization& owner, tenants::RecordingFlag own);

} // namespace pbx::provision
