// What a folder has of which calls: its files calls.jsonl and SHA256SUMS.
#pragma once

#include "base/folder.hpp"
#include "collect/entry.hpp"

#include <map>
#include <string>
#include <vector>

namespace pbx::collect {

/// A call's file is claimed before it gets its name, so that a later run knows whose file it is, whenever this one is
/// killed. Claims are appended to calls.jsonl, where a later line of a call replaces earlier ones; save() then writes
/// both files, each whole.
class Catalogue {
  public:
    /// Reads what earlier runs have left. Throws Error: no_permission when other users can change it; io.
    explicit Catalogue(const Folder& folder);

    /// Null when there is none.
    const Entry* find(const std::string& key) const;

    /// A file name "BASE.EXTENSION" or "BASE-2.EXTENSION" and so on, which no other call and no other program has. The
    /// file that the call `key` has already keeps its name.
    std::string choose_file(const std::string& key, const std::string& base, const std::string& extension);

    /// Appends the entries. Throws Error (cant_create): then no file may get its name.
    void claim(const std::vector<Entry>& entries);
    /// Sets an entry, for save(). The name that it may have had for another file is free again.
    void set(Entry entry);

    /// Throws Error (cant_create).
    void save() const;

  private:
    bool is_free(const std::string& key, const std::string& file) const;

    const Folder& folder_;
    std::map<std::string, Entry> entries_;
    std::map<std::string, std::string> owners_;    ///< of file names: keys
    std::map<std::string, unsigned> next_numbers_; ///< by "BASE.EXTENSION": the first that choose_file() has not tried
};

} // namespace pbx::collect
