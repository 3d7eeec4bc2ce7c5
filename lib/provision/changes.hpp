// What differs between two states of the organizations, and what that does to recording.
#pragma once

#include "provision/print.hpp"
#include "tenants/organization.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pbx::provision {

struct FieldChange {
    std::string name;
    std::string column; ///< as in Field, like value
    std::string value;
    Json before;
    Json after;
    bool is_secret = false;
};

/// A row that was added or changed.
struct RowChange {
    std::string kind; ///< "org", "user", ...
    std::string table;
    std::string org;          ///< the organization's id
    std::string organization; ///< its name
    std::string id;
    std::string name; ///< as it is called now
    bool is_new = false;
    std::vector<FieldChange> fields;
};

/// In an order in which rows can be added: organizations and trunks first. Rows that were removed are not looked for.
std::vector<RowChange> compare(const std::vector<tenants::Organization>& before,
                               const std::vector<tenants::Organization>& after);

/// A row whose calls begin or stop to be recorded.
struct RecordingEffect {
    std::string kind;
    std::string organization;
    std::string name;
    bool is_new = false;
    bool recorded = false; ///< from now on
};

/// Rows that are active and whose effective answer changes, and new ones that are not recorded.
std::vector<RecordingEffect> find_recording_effects(const std::vector<tenants::Organization>& before,
                                                    const std::vector<tenants::Organization>& after);

/// "calls to queue 5001 of Acme will not be recorded any more"
std::string describe(const RecordingEffect& effect);

/// Prints the changes, and of a JSON document also the effects.
void print_changes(const std::vector<RowChange>& changes, const std::vector<RecordingEffect>& effects, bool json);

/// New names, numbers and hosts count from now on: of two rows that want the same, the older one keeps it.
void renew_claims(const std::vector<tenants::Organization>& before, std::vector<tenants::Organization>& after);

} // namespace pbx::provision
