// Nothing but the fixed name is ever deleted.
#include "remote/probe.hpp"

#include "base/hash.hpp"
#include "base/random.hpp"
#include "remote/rclone_output.hpp"
#include "remote/store_text.hpp"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace pbx {

namespace {

constexpr std::string_view about = "pbx-check writes this file to see whether the archive can be written: ";
constexpr std::size_t token_length = 32;

// Each run has a text of its own, so that one which was not stored is noticed.
std::string make_text() {
    return std::string{about} + random_text("0123456789abcdef", token_length) + "\n";
}

// Two machines may check at the same time.
bool is_probe(std::string_view text) {
    return text.starts_with(about) && text.size() == about.size() + token_length + 1;
}

std::string md5_of(const std::string& text) {
    Hash md5{Hash::Algorithm::md5};
    md5.add(text);
    return md5.hex();
}

std::string ask(Remote& remote, Shelf shelf, std::vector<std::string> command, const std::string& action,
                const Deadline& deadline) {
    auto run = remote.rclone().run({std::move(command), {remote.path_of(shelf)}, std::vector<std::string>{probe_name}},
                                   deadline.at_most(Remote::question_limit));
    // On some remotes a folder that does not exist is an error.
    constexpr int not_found = 3;
    if (run.timed_out || (run.status != 0 && run.status != not_found))
        throw remote.rclone().failure(action + " " + probe_name, run);
    return std::move(run.out);
}

std::optional<RemoteObject> find(Remote& remote, Shelf shelf, const Deadline& deadline) {
    const auto answer =
        ask(remote, shelf, {"lsjson", "-R", "--hash", "--hash-type=MD5", "--files-only", "--no-mimetype"}, "look at",
            deadline);
    const auto objects = rclone_output::parse_list(answer, {probe_name}).objects;
    const auto found = objects.find(probe_name);
    return found == objects.end() ? std::nullopt : std::optional{found->second};
}

// Whether the text, or that of another machine, is there. Throws Error when the remote has something else.
bool is_stored(Remote& remote, Shelf shelf, const std::string& text, const Deadline& deadline) {
    const auto object = find(remote, shelf, deadline);
    if (!object)
        return false;
    const auto found = ask(remote, shelf, {"cat"}, "read back", deadline);
    if (found.empty() || (found != text && is_probe(found)))
        return !found.empty();
    const auto failure = [&](const std::string& what) {
        return remote.rclone().failure(Exit::data, std::string{"read back "} + probe_name, what);
    };
    if (found != text)
        throw failure("it has other bytes than were stored");
    if (!object->md5.empty() && object->md5 != md5_of(text))
        throw failure("the remote reports another MD5 than that of what was stored");
    return true;
}

// By its path, since a filter that fails would match everything.
bool remove(Remote& remote, Shelf shelf, const Deadline& deadline) {
    const auto folder = remote.path_of(shelf);
    const auto path = folder + (folder.ends_with(':') || folder.ends_with('/') ? "" : "/") + probe_name;
    const auto run = remote.rclone().run({{"deletefile", path}, {}}, deadline.at_most(Remote::question_limit));
    return run.status == 0 && !run.timed_out;
}

bool try_shelf(Remote& remote, Shelf shelf, const Deadline& deadline) {
    // Another machine that checks at the same time may delete ours.
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto text = make_text();
        store_text(remote, shelf, probe_name, text, deadline);
        if (is_stored(remote, shelf, text, deadline))
            return remove(remote, shelf, deadline);
    }
    throw remote.rclone().failure(Exit::unavailable, std::string{"store "} + probe_name,
                                  "no error, but it is not there");
}

} // namespace

ProbeResult probe_archive(Remote& remote, const Deadline& deadline) {
    try {
        return {true, try_shelf(remote, Shelf::legs, deadline)};
    } catch (const Error& error) {
        // An account that may create objects but not delete them may not replace them either, on Google's storage.
        if (error.status() != Exit::no_permission || !find(remote, Shelf::legs, deadline))
            throw;
    }
    return {false, try_shelf(remote, Shelf::stitched, deadline)};
}

} // namespace pbx
