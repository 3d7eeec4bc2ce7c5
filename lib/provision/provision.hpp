// How an operator changes organizations and their rows without SQL. A row that pbx-dialplan-gen would leave out never
// enters the database this way.
#pragma once

#include "base/error.hpp"
#include "dialplan/plan.hpp"
#include "tenants/row_kinds.hpp"

#include <chrono>
#include <map>
#include <string>

namespace pbx::provision {

/// What all commands share.
struct Context {
    std::string database;
    std::chrono::seconds timeout{60};
    bool json = false;
    bool dry_run = false; ///< print what would change, and take it back
    dialplan::Rules rules;
};

using tenants::RowKind;

// An `organization` is given by its name, prefix or id, and a row by its name: a user's extension, a number, a route's
// or trunk's name. All of these throw Error: usage for a text that is not allowed, or a name that the organization has
// already; data for what another row holds, or what would make calls loop; no_input for an organization or row that
// does not exist; unavailable, no_permission, config.

/// Prints the new organization's id and prefix. `given`: its prefix; a random one when empty.
Exit add_organization(const Context& context, const std::string& name, const std::string& given, bool recording);
Exit list_organizations(const Context& context);
/// `status`: active, suspended or deleted. Nothing is erased: a deleted organization keeps its recordings.
Exit set_status(const Context& context, const std::string& organization, const std::string& status);

/// With an empty sip_password a random one is set, and printed with the extension.
Exit add_user(const Context& context, const std::string& organization, tenants::User user, const std::string& username);
/// `trunk`: a trunk's name, or empty.
Exit add_did(const Context& context, const std::string& organization, tenants::Did did, const std::string& trunk);
Exit add_queue(const Context& context, const std::string& organization, const tenants::Queue& queue);
Exit add_route(const Context& context, const std::string& organization, tenants::Route route, const std::string& trunk);
Exit add_trunk(const Context& context, const std::string& organization, tenants::Trunk trunk);

/// Approves the trunk's host, or withdraws the approval; prints its name and the host.
Exit approve_trunk(const Context& context, const std::string& organization, const std::string& name, bool approved);
/// Fields of a row by their names (fields.hpp), with texts as values.
using FieldTexts = std::map<std::string, std::string>;

// These three, and apply_file(), state what they do to recording, and print what they change when it is a dry run.
/// Only the fields that are given change. A new name or number is set in what refers to the row, too.
Exit set_row(const Context& context, RowKind kind, const std::string& organization, const std::string& name,
             const FieldTexts& fields);
Exit set_organization(const Context& context, const std::string& organization, const FieldTexts& fields);
/// Adds and changes the rows that a file describes, as JSON lines or CSV, in one transaction; "-" is stdin. Rows that
/// it does not describe stay as they are. Throws Error also: data for a file that cannot be read as such; io.
Exit apply_file(const Context& context, const std::string& path);

enum class ExportForm { json_lines, csv };
/// Prints the rows of one organization, or of all when it is empty, as apply_file() reads them.
Exit export_rows(const Context& context, const std::string& organization, ExportForm form, bool secrets);

/// One row with all its fields; passwords only of users.
Exit show_row(const Context& context, RowKind kind, const std::string& organization, const std::string& name);
Exit show_organization(const Context& context, const std::string& organization);

/// One user, with what a phone needs to log in.
Exit show_user(const Context& context, const std::string& organization, const std::string& extension);

/// Rows of one organization, or of all when it is empty. Passwords are not shown.
Exit list_rows(const Context& context, RowKind kind, const std::string& organization);
Exit remove_row(const Context& context, RowKind kind, const std::string& organization, const std::string& name);

Exit join_queue(const Context& context, const std::string& organization, const std::string& queue,
                const std::string& extension, int penalty);
Exit leave_queue(const Context& context, const std::string& organization, const std::string& queue,
                 const std::string& extension);

/// Every row that can be recorded, with its own switch, the organization's switch, and whether it is recorded.
Exit show_recording(const Context& context, const std::string& organization);
/// Switches recording of a whole organization.
Exit switch_organization(const Context& context, const std::string& organization, bool on);
Exit switch_row(const Context& context, const std::string& organization, RowKind kind, const std::string& name,
                bool on);

} // namespace pbx::provision
