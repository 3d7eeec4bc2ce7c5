// Every query here may remain unanswered.
#include "archive/other_nodes.hpp"

#include "base/log.hpp"
#include "db/archives.hpp"
#include "db/session.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace pbx::archive {

namespace {

constexpr std::chrono::seconds patience{5};

bool take_end(std::string_view& text, std::string_view end) {
    if (text.size() < end.size() || text.substr(text.size() - end.size()) != end)
        return false;
    text.remove_suffix(end.size());
    return true;
}

bool take_number(std::string_view& text) {
    const auto last = text.find_last_not_of("0123456789");
    const auto kept = last == std::string_view::npos ? 0 : last + 1;
    const bool any = kept < text.size();
    text = text.substr(0, kept);
    return any;
}

} // namespace

bool is_named_by(std::string_view leg, std::string_view node) {
    if (std::none_of(node.begin(), node.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
        return false;
    if (!take_end(leg, ".wav") && !take_end(leg, ".WAV"))
        return false;
    auto without_id = leg;
    if (take_number(without_id) && take_end(without_id, ".") && take_number(without_id) && take_end(without_id, "-"))
        leg = without_id;
    return take_end(leg, node) && take_end(leg, "-");
}

OtherNodes::OtherNodes(std::string database, const std::string& node, const std::string& spool)
    : database_{std::move(database)}, node_{db::this_node(node, spool)} {}

void OtherNodes::enter(bool dry_run) {
    std::optional<Error> refused;
    try {
        auto session = std::make_unique<soci::session>();
        db::connect(*session, database_, patience);
        if (!is_named() && !dry_run)
            db::hold_unnamed_archive(*session, Deadline::after(patience));
        refused = db::refuse_or_enter(*session, node_, db::NodeTool::archive, dry_run, Deadline::after(patience));
        session_ = std::move(session);
    } catch (const Error& error) {
        log::note("other nodes are not looked for: {}", error.what());
    }
    if (refused)
        throw Error{*refused};
}

// Empty if the database does not answer.
template <typename Question>
auto OtherNodes::ask(const Question& question) -> std::optional<decltype(question())> {
    if (!session_)
        return std::nullopt;
    try {
        return question();
    } catch (const Error& error) {
        log::note("the database is not asked: {}", error.what());
        if (error.status() != Exit::config) // a table that an older schema lacks
            session_.reset();               // another query would take as long again
        return std::nullopt;
    }
}

std::optional<std::vector<std::string>> OtherNodes::accepted_archives(const std::string& remote) {
    return ask([&] { return db::accepted_archives(*session_, remote, Deadline::after(patience)); });
}

bool OtherNodes::may_exist() {
    return ask([&] { return db::other_nodes_known(*session_, node_, Deadline::after(patience)); }).value_or(is_named());
}

bool OtherNodes::unnamed_is_at_work() {
    return ask([&] { return db::unnamed_archive_runs(*session_, Deadline::after(patience)); }).value_or(false);
}

} // namespace pbx::archive
