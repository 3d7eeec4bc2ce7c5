// The rows of an organization in memory: finding one by the name that an operator gives, and what is said of it.
#pragma once

#include "base/error.hpp"
#include "provision/provision.hpp"
#include "tenants/organization.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace pbx::provision {

using tenants::Organization;

// What the organizations' rows have in common, as one table.
struct KindOfRow {
    const char* word;
    const char* table;
    const char* column;
};

KindOfRow of(Kind kind);

template <typename Row>
const Row* find(const std::vector<Row>& rows, std::string Row::*key, const std::string& name) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.*key == name; });
    return found == rows.end() ? nullptr : &*found;
}

// These throw Error (no_input) for a row that is not there.

/// The id of a trunk by its name; empty for none.
std::string trunk_id(const Organization& owner, const std::string& name);
const tenants::User& user_of(const Organization& owner, const std::string& extension);
const tenants::Queue& queue_of(const Organization& owner, const std::string& number);
/// What the database holds of a row under this name: a DID may be given with or without its plus.
std::string stored_name(const Organization& owner, Kind kind, const std::string& name);

void remove_from(Organization& owner, Kind kind, const std::string& name);

/// The organization's name, for messages.
std::string name_of(const Organization& organization);
/// A flag as SQL has it.
std::string boolean(tenants::RecordingFlag recording);

/// What `wanting` cannot have because `owner` has it: usage where they are one organization, else data.
Error taken(Kind kind, const std::string& name, const Organization& wanting, const Organization& owner);
/// Says what an operator who leaves something unrecorded, on purpose or not, should know.
void warn_of_silence(Kind kind, const std::string& name, const Organization& owner, tenants::RecordingFlag own);

} // namespace pbx::provision
