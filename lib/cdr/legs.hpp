// Calls and their legs, as the CDR rows name them.
#pragma once

#include "db/leg_naming.hpp"

#include <soci/soci.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pbx::cdr {

/// What matters for recordings about all CDR rows with one linkedid and one accountcode.
struct Call {
    std::string linkedid;
    std::string accountcode;
    bool shared = false;                ///< other accountcodes have recordings under the same linkedid
    std::chrono::sys_seconds started{}; ///< earliest calldate
    std::chrono::sys_seconds ended{};   ///< latest calldate plus duration, rounded up
    std::vector<std::string> legs;      ///< distinct legs that its rows name: by calldate, sequence, name
    /// Those of `legs` that another account claims too: its rows, whatever their call, or the facts of the archived
    /// leg, which state whose it was when it was archived. Rows without an account claim nothing: the only account that
    /// names a leg owns it, and for a call without account such a leg is ambiguous.
    std::vector<std::string> ambiguous{};
    std::string paused{};                      ///< pauses_text() of its recording
    std::string consent{};                     ///< consent_text() of its rows
    std::map<std::string, std::string> days{}; ///< by leg: the folder of the day that a row's path names (LegNaming)
};

/// An SQL condition: whether rows of another account than `account` claim the leg `leg`, or the facts of the archived
/// leg do. Both are SQL expressions that are never null; '' stands for no account.
std::string claimed_by_others(const std::string& leg, const std::string& account);

/// Throws Error (data) for what cannot be the linkedid of a call with a stitched recording.
void require_linkedid(const std::string& linkedid);

/// The recorded calls that operators' names for them mean.
using CallsByName = std::map<std::string, std::vector<Call>>;

/// The recorded calls that an hourly run has to look at, one by one, in bounded memory however many there are. Reads
/// through a cursor that outlives its transaction, so that no transaction stays open while calls are stitched. One per
/// session.
class DueCalls {
  public:
    /// Calls with a CDR row in the last `since` and two or more legs, with all their legs. The server counts
    /// them only if `count` is set, since that takes time.
    static DueCalls since(soci::session& session, const db::LegNaming& naming, std::chrono::seconds since,
                          bool count = false);
    /// The calls with these linkedids, however old, also those with one leg.
    static DueCalls named(soci::session& session, const db::LegNaming& naming,
                          const std::vector<std::string>& linkedids, bool count = false);

    std::optional<Call> next();
    /// How many there are in all, once next() has returned one; 0 when they are not counted.
    std::uint64_t total() const { return total_; }

  private:
    friend CallsByName find_calls(soci::session& session, const db::LegNaming& naming,
                                  const std::vector<std::string>& names);

    struct Rows {
        std::vector<std::string> linkedid, accountcode, leg;
        std::vector<long long> started, ended;
        std::vector<int> shared, ambiguous;
        std::vector<long long> all;
        std::vector<std::string> paused, consent, day;
    };

    explicit DueCalls(soci::session& session) : session_{&session} {}
    bool read_block();

    soci::session* session_;
    Rows rows_;
    std::size_t at_ = 0;
    std::uint64_t rows_read_ = 0;
    std::uint64_t total_ = 0;
};

/// The calls that an operator means by each name: a CDR id (all digits), a linkedid or a uniqueid. One call for a CDR
/// id, since a row has one accountcode; several, in the order of their linkedids, where accounts share the linkedid or
/// rows of several calls have the uniqueid. A name that no call has, or none
/// with a recording, is not in the result. Two queries, however many names there are; once per session, like DueCalls.
CallsByName find_calls(soci::session& session, const db::LegNaming& naming, const std::vector<std::string>& names);
/// The same for one name; empty when there is no such call.
std::vector<Call> find_calls(soci::session& session, const db::LegNaming& naming, const std::string& name);

} // namespace pbx::cdr
