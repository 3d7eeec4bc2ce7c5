// Rows that were added or changed in memory, into the database.
#pragma once

#include "provision/changes.hpp"
#include "provision/provisioner.hpp"

#include <vector>

namespace pbx::provision {

/// Makes all changes in one transaction, which a dry run takes back. Throws Error.
void store(Provisioner& work, const std::vector<RowChange>& changes);

} // namespace pbx::provision
