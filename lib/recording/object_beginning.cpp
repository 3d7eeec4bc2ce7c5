#include "recording/object_beginning.hpp"

#include "base/name.hpp"
#include "remote/query.hpp"
#include "remote/transfer.hpp"

#include <algorithm>
#include <string_view>

namespace pbx::recording {

namespace {

// Empty for an object of which no hash is known: another one could take its place unnoticed.
std::string entry_name(const Content& expected) {
    if (!expected.sha256.empty())
        return expected.sha256 + ".begin";
    return expected.md5.empty() ? std::string{} : "md5-" + expected.md5 + ".begin";
}

std::optional<std::string> find_kept(FetchWork& work, const Content& expected) {
    const auto name = entry_name(expected);
    if (work.options.cache == nullptr || name.empty())
        return std::nullopt;
    return work.options.cache->find_text(name);
}

void require_same(const std::string& name, const Content& expected, const RemoteObject& object) {
    const Content found{object.size, object.md5, {}};
    if (!expected.matches(found))
        throw Error{Exit::data, shown(name) + " in the archive is damaged: " + describe_difference(expected, found),
                    "pbx-archive verify compares the whole archive with its facts"};
}

} // namespace

std::optional<ObjectBeginning> find_beginning(FetchWork& work, Shelf shelf, const std::string& name,
                                              const Content& expected, std::uint64_t least) {
    const auto enough = std::min(least, expected.size);
    if (auto kept = find_kept(work, expected); kept && kept->size() >= enough)
        return ObjectBeginning{*std::move(kept), true};
    auto& remote = *work.sources.archive();
    const auto object = find_object(remote, shelf, name, work.deadline);
    if (!object)
        return std::nullopt;
    require_same(name, expected, *object);
    return ObjectBeginning{read_beginning(remote, shelf, name, *object, enough, work.deadline)};
}

void keep_beginning(FetchWork& work, const Content& expected, const ObjectBeginning& beginning, std::uint64_t length) {
    const auto name = entry_name(expected);
    if (work.options.cache == nullptr || name.empty() || beginning.is_kept)
        return;
    work.options.cache->keep_text(name, std::string_view{beginning.bytes}.substr(0, length), work.deadline);
}

} // namespace pbx::recording
