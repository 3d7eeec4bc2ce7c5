// The areas that pbx-check looks at. Each runs in a process of its own.
#pragma once

#include "base/deadline.hpp"
#include "check/findings.hpp"
#include "check/options.hpp"

#include <array>

namespace pbx::check {

// Each adds its findings, and may throw Error instead of the last one. It ends shortly after `deadline`.
void check_configuration(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_keys(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_database(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_clocks(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_spool(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_rclone(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_remote(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_asterisk(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_cron(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_backlog(const CheckOptions& options, const Deadline& deadline, Findings& findings);
void check_nodes(const CheckOptions& options, const Deadline& deadline, Findings& findings);

struct Area {
    const char* name;
    void (*check)(const CheckOptions&, const Deadline&, Findings&);
    bool as_owner; ///< root runs it as the owner of the spool, as the hourly runs do
};

inline constexpr std::array areas{
    Area{"configuration", check_configuration, true},
    Area{"keys", check_keys, true},
    Area{"database", check_database, true},
    Area{"clocks", check_clocks, true},
    Area{"spool", check_spool, false},
    Area{"rclone", check_rclone, true},
    Area{"remote", check_remote, true},
    Area{"asterisk", check_asterisk, false},
    Area{"cron", check_cron, false},
    Area{"backlog", check_backlog, true},
    Area{"nodes", check_nodes, true},
};

} // namespace pbx::check
