// The database as provisioning sees it: all organizations in memory, where a change is tried before one statement makes
// it in the database.
#pragma once

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "db/session.hpp"
#include "provision/provision.hpp"
#include "tenants/organization.hpp"

#include <functional>
#include <string>
#include <vector>

namespace pbx::provision {

/// For Trunk::approved_at: an approval that is not in the database yet is newer than all that are.
inline constexpr auto just_approved = tenants::Timestamp::max();

class Provisioner {
  public:
    /// Throws Error (unavailable, config) when the database cannot be read.
    explicit Provisioner(const Context& context);

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
    /// changed. `doing` completes "cannot ...".
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

    /// try_change() for several organizations. All count as active, since a suspended one may be resumed.
    void try_changes(const std::function<void()>& change);
    /// Runs `statements`, which call execute(), in one transaction, and takes it back in a dry run.
    void in_one_transaction(const std::function<void()>& statements);

  private:
    void try_change(const std::function<void()>& change);
    static void require_no_new_refusals(const dialplan::Checked& before, const dialplan::Checked& after);

    soci::session session_;
    std::vector<tenants::Organization> all_;
    dialplan::Rules rules_;
    bool dry_run_ = false;
};

} // namespace pbx::provision
