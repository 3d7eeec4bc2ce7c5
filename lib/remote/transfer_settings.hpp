// How the operator limits transfers.
#pragma once

#include <string>

namespace pbx {

struct TransferSettings {
    std::string bandwidth;  ///< as rclone's --bwlimit takes it; empty: no limit
    unsigned transfers = 0; ///< objects at once; 0: as the line gives, see Pace
};

} // namespace pbx
