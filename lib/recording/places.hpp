// Where recordings are: the folders and the remote that the recording tools share.
#pragma once

#include "base/spool_layout.hpp"
#include "db/leg_naming.hpp"
#include "recording/space_rules.hpp"
#include "remote/transfer_settings.hpp"

#include <string>

namespace pbx::recording {

/// The settings as given; resolve() fills in what follows from others.
struct Places {
    std::string spool = "/var/spool/asterisk/monitor";
    SpoolLayout layout = SpoolLayout::flat;
    std::string stitched;   ///< default: <spool>/stitched
    std::string stitch_src; ///< default: stitch-src beside the spool
    std::string remote;     ///< empty: only the local tiers work
    std::string rclone = "rclone";
    SpaceRules space; ///< for the file system of the spool
    TransferSettings transfers;

    /// Throws Error (config) when stitch_src lies inside the spool, where the archive's move would sweep it up.
    void resolve();

    /// Throws Error (config) when a folder of ours is a part of the archive: then a recording would be taken for its
    /// own copy there, and removed.
    void require_apart() const;

    /// How rows name legs in this spool. Throws Error (io).
    db::LegNaming naming() const;
};

} // namespace pbx::recording
