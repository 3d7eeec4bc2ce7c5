// The remote's own size and MD5 are compared when an object arrives; the facts are compared by the caller.
#include "archive/object_reader.hpp"

#include "base/fd.hpp"
#include "recording/spool_space.hpp"
#include "remote/transfer.hpp"

#include <unistd.h>

#include <string_view>

namespace pbx::archive {

namespace {

constexpr std::string_view stitched_folder = "stitched/";

std::string path_of(Shelf shelf, const std::string& name) {
    return shelf == Shelf::stitched ? std::string{stitched_folder} + name : name;
}

} // namespace

std::pair<Shelf, std::string> shelf_and_name(const std::string& path) {
    if (path.starts_with(stitched_folder))
        return {Shelf::stitched, path.substr(stitched_folder.size())};
    return {Shelf::legs, path};
}

ObjectReader::ObjectReader(Remote& remote, const recording::SpaceRules& space)
    : remote_{remote}, space_{space}, folder_{Folder::open(temporary_folder()), "pbx-archive-verify.", ::geteuid()} {}

std::map<std::string, ReadObject> ObjectReader::read(const std::map<std::string, Content>& objects,
                                                     const Deadline& deadline) {
    Results results;
    std::map<Shelf, std::vector<std::string>> files;
    std::uint64_t bytes = 0;
    const auto free = recording::SpoolSpace{folder_.folder(), space_}.available();
    for (const auto& [path, content] : objects) {
        if (bytes + content.size <= std::min(most_bytes, free)) {
            bytes += content.size;
            const auto [shelf, name] = shelf_and_name(path);
            files[shelf].push_back(name);
        } else {
            read_through_pipe(path, content, deadline, results);
        }
    }
    for (const auto& [shelf, names] : files)
        read_files(shelf, names, deadline, results);
    return results;
}

void ObjectReader::read_files(Shelf shelf, const std::vector<std::string>& names, const Deadline& deadline,
                              Results& results) {
    const auto fetch = [&](const std::vector<std::string>& some) {
        auto fetched = fetch_objects(remote_, shelf, some, folder_.folder(), deadline);
        std::vector<std::string> corrupted;
        for (const auto& name : some) {
            auto& result = results[path_of(shelf, name)];
            result = {};
            if (const auto failure = fetched.failures.find(name); failure != fetched.failures.end()) {
                result.failure = failure->second;
                if (failure->second.status() == Exit::data)
                    corrupted.push_back(name);
            } else if (fetched.present.contains(name)) {
                result = take(name);
            }
        }
        return corrupted;
    };
    // The line may have corrupted it.
    if (const auto corrupted = fetch(names); !corrupted.empty())
        fetch(corrupted);
}

ReadObject ObjectReader::take(const std::string& name) const {
    ReadObject result;
    try {
        if (const auto file = folder_.folder().find(name))
            result.facts = audio::take_facts(file->get(), size_of(file->get(), name), name);
        folder_.folder().remove(name);
    } catch (const Error& error) {
        result.failure = Error{Exit::io, error.what(), error.hint()};
    }
    return result;
}

void ObjectReader::read_through_pipe(const std::string& path, const Content& expected, const Deadline& deadline,
                                     Results& results) {
    const auto [shelf, name] = shelf_and_name(path);
    auto& result = results[path];
    ContentHash hash;
    try {
        if (stream_object(
                remote_, shelf, name, expected, [&](std::string_view data) { hash.add(data); }, deadline))
            result.facts = audio::FileFacts{hash.finish(), {}, {}};
    } catch (const Error& error) {
        result.failure = error;
    }
}

} // namespace pbx::archive
