// One reading of a recording gives its facts, for the comparison with the remote, and the checksum of its audio, for
// the comparison with its own manifest.
#include "archive/stitched_copies.hpp"

#include "archive/batches.hpp"
#include "archive/uploads.hpp"
#include "archive/writers.hpp"
#include "audio/manifest.hpp"
#include "base/atomic_file.hpp"
#include "base/file_status.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "recording/damage.hpp"
#include "recording/evicted_header.hpp"
#include "remote/transfer.hpp"
#include "spool/archived_mark.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

namespace pbx::archive {

namespace {

// Nothing for a file that is not a WAV file.
std::optional<audio::WavHeader> header_of(const SourceFile& file) {
    try {
        return audio::read_wav_header(file.fd.get(), file.name);
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        return std::nullopt;
    }
}

class StitchedCopies {
  public:
    StitchedCopies(ArchiveContext& context, const Folder& folder)
        : context_{context}, source_{folder, Shelf::stitched}, mark_{context.options.places.remote + " stitched"} {}

    void run() {
        Progress progress{"looking at stitched", "files"};
        process_in_batches(context_, source_.shelf, progress,
                           {names_in(source_.folder), [&](const std::string& name) { return find_unmarked(name); },
                            [&](const std::string& name) { return select(name); },
                            [&](FileBatch& batch) { copy(std::move(batch.files)); }});
    }

  private:
    std::optional<struct stat> find_unmarked(const std::string& name) const {
        if (name.front() == '.' || !name.ends_with(".wav"))
            return std::nullopt;
        const auto found = source_.folder.look(name);
        const bool is_due = found && S_ISREG(found->st_mode) && !mark_.is_set(source_.folder.path_of(name), *found);
        return is_due ? found : std::nullopt;
    }

    // Ours appear under their names when they are whole; another program may write in place.
    bool may_be_unfinished(const SourceFile& file) {
        return !manifest_of(file) && (is_young(file.status, context_.options.min_age) || writers_.has_writer(file));
    }

    std::optional<SourceFile> select(const std::string& name) {
        // The call's next builder would remove what is out of date, but there may never be one.
        if (!context_.options.dry_run) {
            if (!AtomicFile::final_name(name).empty())
                AtomicFile::remove_if_dead(source_.folder, name);
            recording::remove_old_header(source_.folder, name);
        }
        auto file = find_unmarked(name) ? open_source(source_.folder, name) : std::nullopt;
        if (!file || !may_be_unfinished(*file))
            return file;
        log::note("left {}: another program may still be writing it", source_.folder.path_of(name));
        ++context_.report.counts(Shelf::stitched).young;
        return std::nullopt;
    }

    void fail(const std::string& name, const Error& error) {
        context_.report.add_failure(Shelf::stitched, name, error);
    }

    // Fills in the facts. False, and a failure, when the audio is not what the manifest says: a damaged recording could
    // replace a good one.
    bool read(SourceFile& file) {
        try {
            const auto header = header_of(file);
            const auto manifest = header ? audio::Manifest::from(*header) : std::nullopt;
            const auto path = source_.folder.path_of(file.name);
            file.facts = audio::take_facts(file.fd.get(), file.size(), path, audio::DataChecksum::wanted);
            if (manifest) {
                file.linkedid = manifest->linkedid;
                file.accountcode = manifest->accountcode;
            }
            auto fault =
                header ? recording::find_damage_in_header(*header, manifest, file.fd.get(), path) : std::string{};
            if (manifest && fault.empty())
                fault = recording::find_damage(*manifest, file.facts.data_checksum);
            if (fault.empty())
                return true;
            if (!context_.options.dry_run && !recording::mark_damaged(file.fd.get()))
                log::note("{} cannot be marked as damaged: {}", path, std::strerror(errno));
            throw Error{Exit::data, fault,
                        "it is not copied; the next pbx-stitch rebuilds it if the call is in its window (--since), and "
                        "pbx-recording-fetch does so for any call"};
        } catch (const Error& error) {
            fail(file.name, error);
            return false;
        }
    }

    void copy(std::vector<SourceFile> files) {
        std::erase_if(files, [&](SourceFile& file) { return !read(file); });
        const auto objects = ask_remote(context_, Shelf::stitched, files);
        std::vector<SourceFile> due;
        std::vector<SourceFile> archived;
        for (auto& file : files) {
            const auto object = objects.find(file.name);
            try {
                if (object != objects.end() && is_same(file, object->second))
                    archived.push_back(std::move(file));
                else if (object == objects.end() || !remote_copy_stays(file, object->second))
                    due.push_back(std::move(file));
            } catch (const Error& error) {
                fail(file.name, error);
            }
        }
        for (const auto* file : recorded(archived)) {
            ++context_.report.counts(Shelf::stitched).archived;
            mark(*file, file->md5());
        }
        if (context_.options.dry_run)
            announce(due);
        else
            store(std::move(due));
    }

    void announce(const std::vector<SourceFile>& files) {
        for (const auto& file : files) {
            log::warn("would copy {} ({} bytes)", source_.folder.path_of(file.name), file.size());
            auto& counts = context_.report.counts(Shelf::stitched);
            ++counts.would_copy;
            counts.bytes += file.size();
        }
    }

    void store(std::vector<SourceFile> files) {
        const auto deadline = context_.transfer_deadline(total_size(files));
        const auto result = upload(context_, source_, std::move(files), deadline);
        for (const auto* file : recorded(result.stored)) {
            context_.report.add_copied(file->name, file->size());
            mark(*file, file->md5());
        }
        for (const auto& rejected : result.rejected)
            report_rejected(rejected);
    }

    // Those of `files`, which the remote has now, whose facts are on this disk or in the database. The others get no
    // mark, so that the next run looks at them again.
    std::vector<const SourceFile*> recorded(const std::vector<SourceFile>& files) {
        std::vector<const SourceFile*> result;
        try {
            if (!context_.options.dry_run)
                context_.facts.record(Shelf::stitched, files);
            for (const auto& file : files)
                result.push_back(&file);
        } catch (const Error& error) {
            for (const auto& file : files)
                fail(file.name, error);
        }
        return result;
    }

    void report_rejected(const RejectedUpload& rejected) {
        const auto& file = rejected.file;
        const auto named = source_.folder.look(file.name);
        if (rejected.error)
            fail(file.name, *rejected.error);
        else if (!named || !is_unchanged(file.status, *named))
            log::note("left {}: it was replaced while it was copied", file.name);
        else if (!rejected.object)
            fail(file.name, not_shown(context_));
        else
            fail(file.name, {Exit::data,
                             fmt::format("remote {} stored something else: {}; here {}", context_.remote.display_path(),
                                         describe({rejected.object->size, rejected.object->md5, {}}),
                                         describe({file.size(), file.md5(), {}})),
                             "the file stays here; the next run compares both"});
    }

    void mark(const SourceFile& file, const std::string& md5) {
        if (context_.options.dry_run || mark_.set(file.fd.get(), file.status, md5) || noted_no_marks_)
            return;
        noted_no_marks_ = true;
        log::note("{} cannot be marked as archived: {}; the next run asks the remote about it again", file.name,
                  std::strerror(errno));
    }

    bool remote_copy_stays(const SourceFile& file, const RemoteObject& object) {
        const auto ours = manifest_of(file);
        const auto theirs = remote_manifest(file.name, object);
        const auto leg = theirs ? leg_only_in(*theirs, ours) : std::nullopt;
        const auto earlier = mark_.earlier_copy(file.fd.get());
        const bool has_grown = earlier && earlier->size == object.size && earlier->md5 == object.md5;
        if (has_grown && !ours && file.size() > object.size)
            return false; // it was archived before it was whole
        // What another program has stitched could have any leg.
        const bool is_unknown = !theirs && !ours;
        if (is_unknown)
            log::warn("kept both {} and the remote's recording of this name: they differ, and another program stitched "
                      "them",
                      source_.folder.path_of(file.name));
        else if (!theirs && ours->left_out() > 0)
            log::note("kept the remote's {}: it has no manifest, and ours lacks a leg", file.name);
        // Another node had more of the call. Ours waits until that leg is here too; then it is rebuilt.
        else if (leg)
            log::note("kept the remote's {}: it has the leg {}, which ours lacks", file.name, shown(*leg));
        else
            return false;
        ++context_.report.counts(Shelf::stitched).kept;
        // Without a mark each run looks again, and warns, until one of the two is gone.
        if (!is_unknown)
            mark(file, object.md5);
        return true;
    }

    static std::optional<audio::Manifest> manifest_of(const SourceFile& file) {
        const auto header = header_of(file);
        return header ? audio::Manifest::from(*header) : std::nullopt;
    }

    // A leg in the remote's recording that ours lacks; nothing when ours may replace it.
    static std::optional<std::string> leg_only_in(const audio::Manifest& theirs,
                                                  const std::optional<audio::Manifest>& ours) {
        std::unordered_set<std::string_view> our_legs;
        if (ours)
            for (const auto& leg : ours->legs)
                our_legs.insert(leg.name);
        for (const auto& leg : theirs.legs)
            if (!our_legs.contains(leg.name))
                return leg.name;
        return std::nullopt;
    }

    std::optional<audio::Manifest> remote_manifest(const std::string& name, const RemoteObject& object) {
        try {
            for (std::uint64_t length = 65536;;) {
                const auto text =
                    read_beginning(context_.remote, Shelf::stitched, name, object, length, context_.deadline);
                if (const auto header = audio::parse_wav_header(text, &length))
                    return audio::Manifest::from(*header);
                if (text.size() >= object.size)
                    return std::nullopt;
                // The data chunk's own 8 bytes follow the manifest.
                length += 8;
            }
        } catch (const Error& error) {
            if (error.status() != Exit::data)
                throw;
            return std::nullopt;
        }
    }

    ArchiveContext& context_;
    ShelfFolder source_;
    spool::ArchivedMark mark_;
    WriterCheck writers_;
    bool noted_no_marks_ = false;
};

} // namespace

void copy_stitched(ArchiveContext& context) {
    const std::filesystem::path path{context.options.places.stitched};
    std::optional<Folder> folder;
    try {
        folder = Folder::open(path);
    } catch (const Error&) {
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored))
            return; // nothing was stitched yet
        throw;
    }
    StitchedCopies{context, *folder}.run();
}

} // namespace pbx::archive
