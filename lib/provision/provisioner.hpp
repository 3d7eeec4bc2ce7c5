// The database as provisioning sees it: every organization, a change tried on them in memory, then one statement.
#pragma once

#include "base/deadline.hpp"
#include "base/words.hpp"
#include "db/session.hpp"
#include "provision/provision.hpp"
#include "tenants/organization.hpp"

#include <functional>
#include <string>
#include <vector>

namespace pbx::provision {

/// Stands for the id that the database will give. The row's age, which is not_stored, makes it the newest of all.
inline constexpr const char* new_id = "ffffffff-ffff-4fff-bfff-ffffffffffff";

/// For Trunk::approved_at: an approval that is not in the database yet is newer than all that are.
inline constexpr auto newest = tenants::Timestamp::max();

class Provisioner {
  public:
    /// Throws Error (unavailable, config) when the database cannot be read.
    explicit Provisioner(const Context& context);

    const std::vector<tenants::Organization>& all() const { return all_; }

    /// By its name, prefix or id. Throws Error: no_input, usage where several have it.
    tenants::Organization& organization(const std::string& wanted);

    /// Organizations to list: one, or all.
    std::vector<const tenants::Organization*> chosen(const std::string& wanted);

    /// Makes `change` to the organizations in memory, and throws Error when a row is then left out that was not before:
    /// data where other rows were there first, usage for its own text. What an operator should know all the same is
    /// said.
    void attempt(tenants::Organization& organization, const std::function<void()>& change);
    /// The same for an organization that is new; references to the others end.
    void attempt(const tenants::Organization& added);

    /// One statement; its number of rows. `values` are bound to its parameters in order.
    template <typename... Value>
    long long execute(const std::string& doing, const std::string& sql, Value&... values) {
        const Waiting waiting{"the database", Exit::unavailable};
        const auto rows = db::guarded(doing, [&] {
            soci::statement statement{session_};
            (statement.exchange(soci::use(values)), ...);
            statement.alloc();
            statement.prepare(sql);
            statement.define_and_bind();
            statement.execute(true);
            return statement.get_affected_rows();
        });
        words::note("pbx-dialplan-gen --deploy --reload brings it to Asterisk");
        return rows;
    }

    std::string insert_organization(const std::string& name, const std::string& prefix, bool recording);

  private:
    void attempt(const std::function<void()>& change);

    soci::session session_;
    std::vector<tenants::Organization> all_;
    dialplan::Rules rules_;
};

} // namespace pbx::provision
