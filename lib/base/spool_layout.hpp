// How legs lie in the spool: all in one folder, or also in one folder per day, as FreePBX records.
#pragma once

#include <string>
#include <string_view>

namespace pbx {

enum class SpoolLayout {
    flat,  ///< in the spool itself
    dated, ///< also in YYYY/MM/DD below it
};

/// Whether the text has the form of a day's folder, "2025/09/01"; the day need not exist.
bool is_day_folder(std::string_view text);

} // namespace pbx
