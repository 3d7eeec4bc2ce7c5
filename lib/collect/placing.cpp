#include "collect/placing.hpp"

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "recording/output_answer.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <set>
#include <utility>

namespace pbx::collect {

namespace {

class Placing {
  public:
    Placing(std::vector<Parcel>& parcels, const PlacingOptions& options, const Folder& folder)
        : parcels_{parcels}, options_{options}, folder_{folder},
          files_(parcels.size()), mode_{recording::private_mode()} {}

    void write() {
        Progress progress{options_.conversion.changes() ? "encoding" : "writing", "files"};
        progress.expect(parcels_.size(), 0);
        parallel_for(parcels_.size(), options_.jobs, [&](std::size_t i) {
            try {
                write_one(parcels_[i], files_[i]);
            } catch (const Error& error) {
                files_[i].reset();
                fail(parcels_[i], error);
            }
            progress.add(1, 0);
        });
    }

    std::vector<Entry> written() const {
        std::vector<Entry> entries;
        for (const auto& parcel : parcels_)
            if (!parcel.entry.file.empty())
                entries.push_back(parcel.entry);
        return entries;
    }

    void commit() {
        std::vector<AtomicFile> files;
        for (auto& file : files_)
            if (file)
                files.push_back(*std::move(file));
        try {
            AtomicFile::commit_all(files, folder_);
        } catch (const Error& error) {
            for (auto& parcel : parcels_)
                if (parcel.from == nullptr && !parcel.entry.file.empty())
                    fail(parcel, error);
        }
        for (auto& parcel : parcels_)
            if (parcel.from != nullptr && !parcel.entry.file.empty())
                move(parcel);
        folder_.sync();
    }

  private:
    static void fail(Parcel& parcel, const Error& error) {
        parcel.entry.file.clear();
        parcel.entry.sha256.clear();
        parcel.entry.status = error.status();
        parcel.entry.error = error.what();
    }

    void write_one(Parcel& parcel, std::optional<AtomicFile>& file) {
        const auto what = "the recording of call " + parcel.entry.name;
        auto body = std::move(parcel.body);
        if (options_.conversion.changes()) {
            body = convert(std::move(body), options_.conversion, what, nullptr);
            parcel.from = nullptr;
            parcel.sha256.clear();
        }
        parcel.entry.size = size_of(body.get(), what);
        if (parcel.from == nullptr) {
            file.emplace(folder_, parcel.entry.file, mode_, Deadline::after(std::chrono::seconds{5}),
                         AtomicFile::Owner::caller);
            copy_bytes(body.get(), 0, parcel.entry.size, file->fd(), what);
            file->start_writing_out();
        }
        const int read = file ? file->fd() : body.get();
        parcel.entry.sha256 = parcel.sha256.empty() ? sha256_of_range(read, 0, parcel.entry.size, what) : parcel.sha256;
    }

    void move(Parcel& parcel) const {
        const auto path = folder_.path_of(parcel.entry.file);
        if (::fchmodat(parcel.from->fd(), parcel.from_name.c_str(), mode_, 0) != 0 ||
            ::renameat(parcel.from->fd(), parcel.from_name.c_str(), folder_.fd(), parcel.entry.file.c_str()) != 0)
            fail(parcel, system_error(Exit::cant_create, "cannot rename the finished " + path, errno));
    }

    std::vector<Parcel>& parcels_;
    const PlacingOptions& options_;
    const Folder& folder_;
    std::vector<std::optional<AtomicFile>> files_;
    mode_t mode_;
};

// Calls can share a leg: the first parcel takes the file away, and the others are copies of it.
void take_each_file_once(std::vector<Parcel>& parcels) {
    std::set<std::pair<const Folder*, std::string>> taken;
    for (auto& parcel : parcels)
        if (parcel.from != nullptr && !taken.emplace(parcel.from, parcel.from_name).second)
            parcel.from = nullptr;
}

} // namespace

void place(std::vector<Parcel>& parcels, const PlacingOptions& options, const Folder& folder, Catalogue& catalogue) {
    take_each_file_once(parcels);
    Placing placing{parcels, options, folder};
    placing.write();
    catalogue.claim(placing.written());
    placing.commit();
}

} // namespace pbx::collect
