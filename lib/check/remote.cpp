// Nothing is written to a place without the archive's marker: it may be a mistyped path.
#include "remote/remote.hpp"

#include "archive/known_archive.hpp"
#include "base/folder.hpp"
#include "check/areas.hpp"
#include "check/session.hpp"
#include "db/archives.hpp"
#include "remote/probe.hpp"

#include <fmt/format.h>

namespace pbx::check {

namespace {

// As pbx-archive does: without an answer of the database, the id that is kept in the spool.
void accept_known(Remote& remote, const CheckOptions& options, const Deadline& deadline) {
    const auto path = remote.display_path();
    try {
        soci::session session;
        db::connect(session, options.database, seconds_left(deadline.at_most(std::chrono::seconds{5})));
        remote.accept_only(db::accepted_archives(session, path, deadline.at_most(std::chrono::seconds{5})));
    } catch (const Error&) {
        if (const auto known = archive::known_archive(Folder::open(options.places.spool), path))
            remote.accept_only({*known});
    }
}

void add(const ProbeResult& probe, const std::string& path, Findings& findings) {
    findings.ok(fmt::format("{} is the archive; {} was written, read back{}", path, probe_name,
                            probe.deleted       ? " and deleted"
                            : probe.replaceable ? ", and stays, since this account may not delete"
                                                : " in the folder stitched; legs cannot be replaced, as it should be"));
}

} // namespace

void check_remote(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    if (options.places.remote.empty()) {
        findings.warn("no remote is set: recordings stay on this machine, and pbx-archive ends with status 78",
                      "set remote in pbx.conf, then run pbx-archive init");
        return;
    }
    Remote remote{options.places.remote, options.places.rclone, -1, options.places.transfers};
    accept_known(remote, options, deadline);
    remote.require_archive(deadline);
    add(probe_archive(remote, deadline), remote.display_path(), findings);
}

} // namespace pbx::check
