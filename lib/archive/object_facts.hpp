// The facts of one archived object, and the line of JSON that they are in the journal.
#pragma once

#include "archive/source_file.hpp"
#include "audio/file_facts.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace pbx::archive {

/// What an object is, as JSON: the columns of the table `recordings` from its bytes alone.
nlohmann::json facts_of(Shelf shelf, const std::string& name, const audio::FileFacts& found);

/// The facts of a file that the remote has now, as JSON: the columns of the table `recordings`, with archived_at in
/// microseconds since 1970. `node` may be empty. Numbers, names and texts are such that parse_facts() accepts them.
nlohmann::json facts_of(const SourceFile& file, Shelf shelf, const std::string& node,
                        std::chrono::sys_time<std::chrono::microseconds> archived_at);

/// The same, read back from a line of the journal: only the known columns, each checked, so that the database refuses
/// none. Null for a line that is not JSON, as a kill or a full disk leaves it. Throws Error (data), with the object's
/// name, for a line that states something else.
nlohmann::json parse_facts(std::string_view line);

} // namespace pbx::archive
