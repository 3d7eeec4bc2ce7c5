// rclone's exit status does not decide what is stored: the remote's own answer afterwards does.
#include "archive/uploads.hpp"

#include "archive/batches.hpp"
#include "base/log.hpp"
#include "remote/transfer.hpp"

#include <utility>

namespace pbx::archive {

namespace {

void read_back_hashes(ArchiveContext& context, Shelf shelf, FoundObjects& found) {
    if (found.objects.empty())
        return;
    if (!context.remote.has_own_hashes(context.deadline))
        for (auto& [name, object] : found.objects)
            object.md5.clear();
    std::map<std::string, RemoteObject> unknown;
    std::uint64_t bytes = 0;
    for (const auto& [name, object] : found.objects)
        if (object.md5.empty()) {
            unknown.emplace(name, object);
            bytes += object.size;
        }
    if (unknown.empty())
        return;
    log::note("reading back {} objects without an MD5 in the remote", unknown.size());
    const auto hashes = read_back(context.remote, shelf, unknown, context.transfer_deadline(bytes));
    for (const auto& [name, object] : unknown) {
        if (const auto hash = hashes.find(name); hash != hashes.end())
            found.objects[name].md5 = hash->second;
        else
            found.failures.insert_or_assign(
                name, Error{Exit::unavailable,
                            "remote " + context.remote.display_path() + " has no MD5 of it, and it cannot be read back",
                            "the next run tries again"});
    }
}

ObjectFailures upload_sized(ArchiveContext& context, const ShelfFolder& source, const std::vector<SourceFile>& files,
                            const Deadline& deadline) {
    std::vector<SizedName> sized;
    sized.reserve(files.size());
    for (const auto& file : files)
        sized.push_back({file.name, file.size()});
    return upload_files(context.remote, source.folder, source.shelf, sized, deadline);
}

template <typename Map>
auto value_at(const Map& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? std::nullopt : std::optional{found->second};
}

} // namespace

std::map<std::string, RemoteObject> ask_remote(ArchiveContext& context, Shelf shelf, std::vector<SourceFile>& files) {
    return take_answer(context, shelf, files, find_objects(context.remote, shelf, names_of(files), context.deadline));
}

std::map<std::string, RemoteObject> take_answer(ArchiveContext& context, Shelf shelf, std::vector<SourceFile>& files,
                                                FoundObjects found) {
    read_back_hashes(context, shelf, found);
    std::erase_if(files, [&](const SourceFile& file) {
        const auto failure = found.failures.find(file.name);
        if (failure == found.failures.end())
            return false;
        context.report.add_failure(shelf, file.path(), failure->second);
        return true;
    });
    return std::move(found.objects);
}

UploadResult upload(ArchiveContext& context, const ShelfFolder& source, std::vector<SourceFile> files,
                    const Deadline& deadline) {
    UploadResult result;
    if (files.empty())
        return result;
    show_action("uploading", source.shelf);
    const auto errors = upload_sized(context, source, files, deadline);
    result.timed_out = deadline.passed();
    show_action("checking", source.shelf);
    const auto objects = ask_remote(context, source.shelf, files);
    for (auto& file : files) {
        auto object = value_at(objects, file.name);
        if (object && is_same(file, *object)) {
            result.stored.push_back(std::move(file));
        } else {
            auto error = value_at(errors, file.name);
            result.rejected.push_back({std::move(file), std::move(object), std::move(error)});
        }
    }
    return result;
}

Error not_shown(const ArchiveContext& context) {
    return {Exit::unavailable, "remote " + context.remote.display_path() + " does not show it after the upload",
            "the next run looks again"};
}

} // namespace pbx::archive
