// The database as provisioning sees it: all organizations in memory, where a change is tried before one statement makes
// it in the database.
#pragma once

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "db/session.hpp"
#include "provision/provision.hpp"
#include "tenants/organization.hpp"

#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

namespace pbx::provision {

/// For Trunk::approved_at: an approval that is not in the database yet is newer than all that are.
inline constexpr auto just_approved = tenants::Timestamp::max();

/// What a command does with the organizations.
enum class Access { read, change };

/// One that changes rows is one transaction from their reading to finish(). It writes no row that something else has
/// changed since: the host that an operator approves is the host that was read.
class Provisioner {
  public:
    /// Throws Error (unavailable, config) when the database cannot be read.
    explicit Provisioner(const Context& context, Access access = Access::change);

    const std::vector<tenants::Organization>& all() const { return all_; }
    std::vector<tenants::Organization>& all() { return all_; }

    /// The organization with this name, prefix or id. Throws Error: no_input, or usage when several have it.
    tenants::Organization& organization(const std::string& wanted);

    /// One organization, or all of them when `wanted` is empty.
    std::vector<const tenants::Organization*> organizations_to_list(const std::string& wanted);

    /// Makes `change` to the organizations in memory. Throws Error when a row is then left out of the configuration
    /// that was not before: data if an older row holds what it claims, usage for its own text. Prints new warnings.
    void try_change(tenants::Organization& organization, const std::function<void()>& change);
    /// Tries a new organization. References to the others become invalid.
    void try_addition(const tenants::Organization& added);

    /// Executes one statement, with `values` bound to its parameters in order, and returns the number of rows that it
    /// changed. `doing` completes "cannot ...". Throws Error: temporary for a row that has just been changed.
    template <typename... Value>
    long long execute(const std::string& doing, const std::string& sql, Value&... values) {
        const WaitingFor waiting{"the database", Exit::unavailable};
        const auto rows = db::guarded(doing, [&] {
            soci::statement statement{session_};
            (statement.exchange(soci::use(values)), ...);
            statement.alloc();
            statement.prepare(sql);
            statement.define_and_bind();
            statement.execute(true);
            return statement.get_affected_rows();
        });
        log::note("pbx-dialplan-gen --deploy --reload applies it to Asterisk");
        return rows;
    }
    /// The same for a statement that must change a row. Throws Error (temporary) when it changes none.
    template <typename... Value>
    void change_row(const std::string& doing, const std::string& sql, Value&... values) {
        if (execute(doing, sql, values...) == 0)
            throw Error{Exit::temporary, fmt::format("cannot {}: no row was changed", doing),
                        "something else has just changed it, or a rule of the database protects it; try again"};
    }
    /// Commits what was executed, or takes it back in a dry run.
    void finish();

    /// try_change() for several organizations. All count as active, since a suspended one may be resumed.
    void try_changes(const std::function<void()>& change);

  private:
    void try_change(const std::function<void()>& change);
    static void require_no_new_refusals(const dialplan::Checked& before, const dialplan::Checked& after);

    soci::session session_;
    std::vector<tenants::Organization> all_;
    dialplan::Rules rules_;
    bool dry_run_ = false;
};

} // namespace pbx::provision
