// Reads all organizations, tries the change on them with the dialplan's own check, and only then writes it.
#include "provision/provision.hpp"

#include "base/deadline.hpp"
#include "base/name.hpp"
#include "base/table.hpp"
#include "base/words.hpp"
#include "db/session.hpp"
#include "deploy/organizations.hpp"
#include "dialplan/plan.hpp"
#include "dialplan/policy.hpp"
#include "provision/secret.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace pbx::provision {

namespace {

using dialplan::Organization;
using Json = nlohmann::ordered_json;

// Sorts behind every real id, so that of two rows that exclude each other the new one is refused.
constexpr const char* new_id = "ffffffff-ffff-4fff-bfff-ffffffffffff";

// What the organizations' rows have in common, as one table.
struct KindOfRow {
    const char* word;
    const char* table;
    const char* column;
};

KindOfRow of(Kind kind) {
    switch (kind) {
    case Kind::user:
        return {"user", "users", "extension"};
    case Kind::did:
        return {"did", "did_numbers", "number"};
    case Kind::queue:
        return {"queue", "queues", "number"};
    case Kind::route:
        return {"route", "outbound_routes", "name"};
    case Kind::trunk:
        return {"trunk", "sip_trunks", "name"};
    }
    return {"", "", ""};
}

void require_text(const std::string& text, const char* what) {
    const auto refuse = [&](const char* why) {
        throw Error{Exit::usage, fmt::format("the {} \"{}\" {}", what, printable(shown(text)), why)};
    };
    constexpr std::size_t most = 255;
    if (text.size() > most)
        refuse("is longer than 255 bytes");
    if (!is_utf8(text))
        refuse("is not UTF-8");
    if (printable(text) != text)
        refuse("has control characters");
}

void require_texts(std::initializer_list<std::pair<const char*, std::string>> texts) {
    for (const auto& [what, text] : texts)
        require_text(text, what);
}

void require_name(const std::string& text, const char* what) {
    if (text.find_first_not_of(' ') == std::string::npos)
        throw Error{Exit::usage, fmt::format("the {} is empty", what)};
    require_text(text, what);
}

// A number with or without its plus is the same number.
std::string without_plus(const std::string& number) {
    return number.starts_with('+') ? number.substr(1) : number;
}

Json json_of(dialplan::Recording recording) {
    return recording ? Json(*recording) : Json(nullptr);
}

void print(const Json& document) {
    fmt::print("{}\n", document.dump(2, ' ', true, Json::error_handler_t::replace));
}

// One row of a list: column, value.
using Cells = std::vector<std::pair<const char*, Json>>;

std::string cell_text(const Json& value) {
    if (value.is_null())
        return "unset";
    if (value.is_boolean())
        return value.get<bool>() ? "on" : "off";
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::size_t width_of(const std::string& column) {
    if (column == "id")
        return 36;
    if (column == "organization" || column == "name" || column == "host" || column == "endpoint")
        return 20;
    return std::max<std::size_t>(column.size(), 10);
}

void print_rows(const std::vector<Cells>& rows, bool json) {
    if (json) {
        Json document = Json::array();
        for (const auto& row : rows) {
            Json item;
            for (const auto& [column, value] : row)
                item[column] = value;
            document.push_back(std::move(item));
        }
        print(document);
        return;
    }
    if (rows.empty())
        return;
    std::vector<Column> columns;
    for (const auto& [column, value] : rows.front())
        columns.push_back({column, width_of(column), value.is_number()});
    Table table{std::move(columns), Table::Form::automatic};
    for (const auto& row : rows) {
        std::vector<std::string> cells;
        cells.reserve(row.size());
        for (const auto& [column, value] : row)
            cells.push_back(cell_text(value));
        table.row(cells);
    }
}

class Provisioner {
  public:
    explicit Provisioner(const Context& context) {
        const Waiting waiting{"the database", Exit::unavailable};
        db::connect(session_, context.database, context.timeout);
        all_ = deploy::load_organizations(session_);
    }

    const std::vector<Organization>& all() const { return all_; }

    Organization& organization(const std::string& wanted) {
        const auto fits = [&](const Organization& each) {
            return each.name == wanted || each.context_prefix == wanted || each.id == wanted;
        };
        const auto found = std::find_if(all_.begin(), all_.end(), fits);
        if (found == all_.end())
            throw Error{Exit::no_input,
                        fmt::format("no organization has the name or prefix \"{}\"", printable(shown(wanted))),
                        "pbx-provision org list shows them"};
        if (std::find_if(std::next(found), all_.end(), fits) != all_.end())
            throw Error{Exit::usage, fmt::format("\"{}\" names more than one organization", printable(shown(wanted))),
                        "name it by its id; pbx-provision org list shows them"};
        return *found;
    }

    /// Organizations to list: one, or all.
    std::vector<const Organization*> chosen(const std::string& wanted) {
        if (!wanted.empty())
            return {&organization(wanted)};
        std::vector<const Organization*> result;
        result.reserve(all_.size());
        for (const auto& each : all_)
            result.push_back(&each);
        return result;
    }

    /// Makes `change` to the organizations in memory, and throws Error (usage) when a row is then left out that was not
    /// before. What an operator should know all the same is said.
    template <typename Change>
    void attempt(Organization& organization, Change&& change) {
        // A suspended organization is checked like one that is active: it may become so again.
        const auto status = std::exchange(organization.status, "active");
        const auto before = dialplan::check(all_);
        std::forward<Change>(change)();
        const auto after = dialplan::check(all_);
        organization.status = status;
        std::set<std::string> known;
        for (const auto& refusal : before.refusals)
            known.insert(refusal.row + refusal.fault);
        for (const auto& refusal : after.refusals)
            if (!known.contains(refusal.row + refusal.fault))
                throw Error{Exit::usage, fmt::format("{} is refused: {}", refusal.row, refusal.fault),
                            "pbx-provision(1) says what each text may hold"};
        known.clear();
        for (const auto& remark : before.remarks)
            known.insert(remark.words);
        for (const auto& remark : after.remarks)
            if (!known.contains(remark.words))
                words::warn("{}", remark.words);
    }

    /// One statement; its number of rows. `values` are bound to its parameters in order.
    template <typename... Value>
    long long execute(const std::string& doing, const std::string& sql, Value&... values) {
        const Waiting waiting{"the database", Exit::unavailable};
        const auto rows = db::guarded(doing, [&] {
            soci::statement statement{session_};
            (statement.exchange(soci::use(values)), ...);
            statement.alloc();
            statement.prepare(sql);
            statement.define_and_bind();
            statement.execute(true);
            return statement.get_affected_rows();
        });
        words::note("pbx-dialplan-gen --deploy --reload brings it to Asterisk");
        return rows;
    }

    std::string insert_organization(const std::string& name, const std::string& prefix, bool recording) {
        const Waiting waiting{"the database", Exit::unavailable};
        std::string id;
        const std::string on = recording ? "true" : "false";
        db::guarded("add the organization", [&] {
            session_ << "insert into organizations (name, context_prefix, settings) values (:name, :prefix, "
                        "jsonb_build_object('recording_enabled', cast(:on as boolean))) returning cast(id as text)",
                soci::use(name), soci::use(prefix), soci::use(on), soci::into(id);
        });
        return id;
    }

  private:
    soci::session session_;
    std::vector<Organization> all_;
};

std::string name_of(const Organization& organization) {
    return printable(organization.name);
}

Error taken(Kind kind, const std::string& name, const Organization& owner) {
    return {Exit::usage, fmt::format("{} {} exists already, in {}", of(kind).word, printable(name), name_of(owner))};
}

Error missing(Kind kind, const std::string& name, const Organization& owner) {
    return {Exit::no_input, fmt::format("{} has no {} {}", name_of(owner), of(kind).word, printable(shown(name))),
            fmt::format("pbx-provision {} list --org {} shows them", of(kind).word, owner.context_prefix)};
}

// Says what an operator who leaves something unrecorded, on purpose or not, should know.
void warn_of_silence(Kind kind, const std::string& name, const Organization& owner, dialplan::Recording own) {
    if (!own.value_or(true))
        words::warn("calls at {} {} of {} will not be recorded", of(kind).word, printable(name), name_of(owner));
    else if (!owner.recording_enabled.value_or(true))
        words::warn("{} {} of {} is not recorded all the same: the organization's own switch is off", of(kind).word,
                    printable(name), name_of(owner));
}

std::string boolean(dialplan::Recording recording) {
    return recording.value_or(true) ? "true" : "false";
}

template <typename Row>
const Row* find(const std::vector<Row>& rows, std::string Row::*key, const std::string& name) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.*key == name; });
    return found == rows.end() ? nullptr : &*found;
}

// The id of a trunk by its name; empty for none.
std::string trunk_id(const Organization& owner, const std::string& name) {
    if (name.empty())
        return {};
    const auto* trunk = find(owner.trunks, &dialplan::Trunk::name, name);
    if (trunk == nullptr)
        throw missing(Kind::trunk, name, owner);
    return trunk->id;
}

const dialplan::User& user_of(const Organization& owner, const std::string& extension) {
    const auto* user = find(owner.users, &dialplan::User::extension, extension);
    if (user == nullptr)
        throw missing(Kind::user, extension, owner);
    return *user;
}

const dialplan::Queue& queue_of(const Organization& owner, const std::string& number) {
    const auto* queue = find(owner.queues, &dialplan::Queue::number, number);
    if (queue == nullptr)
        throw missing(Kind::queue, number, owner);
    return *queue;
}

// What the database holds of a row under this name: a DID may be given with or without its plus.
std::string stored_name(const Organization& owner, Kind kind, const std::string& name) {
    const auto of_rows = [&](const auto& rows, auto key) {
        for (const auto& row : rows)
            if (row.*key == name || (kind == Kind::did && without_plus(row.*key) == without_plus(name)))
                return row.*key;
        throw missing(kind, name, owner);
    };
    switch (kind) {
    case Kind::user:
        return of_rows(owner.users, &dialplan::User::extension);
    case Kind::did:
        return of_rows(owner.dids, &dialplan::Did::number);
    case Kind::queue:
        return of_rows(owner.queues, &dialplan::Queue::number);
    case Kind::route:
        return of_rows(owner.routes, &dialplan::Route::name);
    case Kind::trunk:
        return of_rows(owner.trunks, &dialplan::Trunk::name);
    }
    return {};
}

void remove_from(Organization& owner, Kind kind, const std::string& name) {
    const auto erase = [&](auto& rows, auto key) {
        rows.erase(std::remove_if(rows.begin(), rows.end(), [&](const auto& row) { return row.*key == name; }),
                   rows.end());
    };
    switch (kind) {
    case Kind::user:
        return erase(owner.users, &dialplan::User::extension);
    case Kind::did:
        return erase(owner.dids, &dialplan::Did::number);
    case Kind::queue:
        return erase(owner.queues, &dialplan::Queue::number);
    case Kind::route:
        return erase(owner.routes, &dialplan::Route::name);
    case Kind::trunk:
        return erase(owner.trunks, &dialplan::Trunk::name);
    }
}

std::string member_names(const Organization& owner, const dialplan::Queue& queue) {
    std::string result;
    for (const auto& member : queue.members)
        if (const auto* user = find(owner.users, &dialplan::User::id, member.user_id))
            result += (result.empty() ? "" : ",") + user->extension;
    return result;
}

std::string trunk_name(const Organization& owner, const std::string& id) {
    const auto* trunk = find(owner.trunks, &dialplan::Trunk::id, id);
    return trunk == nullptr ? std::string{} : trunk->name;
}

Json or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

void add_cells(std::vector<Cells>& rows, const Organization& owner, Kind kind) {
    const auto row = [&](Cells cells) {
        cells.insert(cells.begin(), {"organization", owner.name});
        rows.push_back(std::move(cells));
    };
    if (kind == Kind::user)
        for (const auto& user : owner.users)
            row({{"extension", user.extension},
                 {"name", user.full_name},
                 {"status", user.status},
                 {"recording", json_of(user.recording_enabled)},
                 {"rings", user.ring_target},
                 {"phone", user.phone_number},
                 {"endpoint", user.asterisk_endpoint.empty() ? owner.context_prefix + "_" + user.extension
                                                             : user.asterisk_endpoint}});
    if (kind == Kind::did)
        for (const auto& did : owner.dids)
            row({{"number", did.number},
                 {"leads_to", did.routing_type},
                 {"destination", did.routing_destination},
                 {"status", did.status},
                 {"recording", json_of(did.recording_enabled)}});
    if (kind == Kind::queue)
        for (const auto& queue : owner.queues)
            row({{"number", queue.number},
                 {"name", queue.name},
                 {"status", queue.status},
                 {"recording", json_of(queue.recording_enabled)},
                 {"strategy", queue.strategy},
                 {"max_wait", queue.max_wait_time},
                 {"overflow", queue.timeout_destination},
                 {"members", member_names(owner, queue)}});
    if (kind == Kind::route)
        for (const auto& route : owner.routes)
            row({{"name", route.name},
                 {"pattern", route.dial_pattern},
                 {"priority", route.priority},
                 {"trunk", trunk_name(owner, route.trunk_id)},
                 {"status", route.status},
                 {"recording", json_of(route.recording_enabled)},
                 {"strip", route.strip_digits},
                 {"prepend", route.prepend_digits},
                 {"caller_id", route.caller_id_override}});
    if (kind == Kind::trunk)
        for (const auto& trunk : owner.trunks)
            row({{"name", trunk.name},
                 {"host", trunk.host},
                 {"port", trunk.port},
                 {"transport", trunk.transport},
                 {"type", trunk.trunk_type},
                 {"username", trunk.username},
                 {"status", trunk.status}});
}

// Rows of an organization by name: PostgreSQL gives them in no order.
template <typename Row>
std::vector<const Row*> sorted(const std::vector<Row>& rows, std::string Row::*key) {
    std::vector<const Row*> result;
    result.reserve(rows.size());
    for (const auto& row : rows)
        result.push_back(&row);
    std::sort(result.begin(), result.end(), [&](const Row* a, const Row* b) { return a->*key < b->*key; });
    return result;
}

// One line of "recording show" per row.
class RecordingTable {
  public:
    void add(const Organization& owner) {
        line(owner, "organization", owner.name, owner.status, owner.recording_enabled);
        for (const auto* user : sorted(owner.users, &dialplan::User::extension))
            line(owner, "user", user->extension, user->status, user->recording_enabled);
        for (const auto* did : sorted(owner.dids, &dialplan::Did::number))
            line(owner, "did", did->number, did->status, did->recording_enabled);
        for (const auto* queue : sorted(owner.queues, &dialplan::Queue::number))
            line(owner, "queue", queue->number, queue->status, queue->recording_enabled);
        for (const auto* route : sorted(owner.routes, &dialplan::Route::name))
            line(owner, "route", route->name, route->status, route->recording_enabled);
    }

    void print(bool json) const { print_rows(rows_, json); }

  private:
    void line(const Organization& owner, const char* kind, const std::string& name, const std::string& status,
              dialplan::Recording own) {
        rows_.push_back({{"organization", owner.name},
                         {"kind", kind},
                         {"name", name},
                         {"own", json_of(own)},
                         {"master", json_of(owner.recording_enabled)},
                         {"effective", dialplan::allows(owner.recording_enabled, own)},
                         {"status", status}});
    }

    std::vector<Cells> rows_;
};

} // namespace

Exit add_organization(const Context& context, const std::string& name, const std::string& given, bool recording) {
    require_name(name, "name");
    const auto prefix = given.empty() ? make_prefix() : given;
    if (prefix.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
        throw Error{Exit::usage,
                    fmt::format("the prefix \"{}\" has more than a-z, 0-9 and _", printable(shown(prefix))),
                    "it begins the name of everything that Asterisk knows of the organization"};
    Provisioner work{context};
    for (const auto& other : work.all())
        if (other.name == name || other.context_prefix == prefix)
            throw Error{Exit::usage,
                        fmt::format("an organization with the {} {} exists already",
                                    other.name == name ? "name" : "prefix",
                                    printable(other.name == name ? name : prefix)),
                        other.status == "active" ? "" : "its status is " + other.status + "; pbx-provision org resume"};
    Organization candidate;
    candidate.id = new_id;
    candidate.name = name;
    candidate.context_prefix = prefix;
    candidate.status = "active";
    const auto checked = dialplan::check({candidate});
    if (!checked.refusals.empty())
        throw Error{Exit::usage,
                    fmt::format("{} is refused: {}", checked.refusals.front().row, checked.refusals.front().fault)};
    const auto id = work.insert_organization(name, prefix, recording);
    if (!recording)
        words::warn("calls of {} will not be recorded", printable(name));
    if (context.json)
        print({{"id", id}, {"name", name}, {"context_prefix", prefix}, {"recording", recording}});
    else
        fmt::print("{}\t{}\n", id, prefix);
    return Exit::ok;
}

Exit list_organizations(const Context& context) {
    const Provisioner work{context};
    std::vector<Cells> rows;
    for (const auto& each : work.all())
        rows.push_back({{"name", each.name},
                        {"context_prefix", each.context_prefix},
                        {"status", each.status},
                        {"recording", json_of(each.recording_enabled)},
                        {"id", each.id}});
    print_rows(rows, context.json);
    return Exit::ok;
}

Exit set_status(const Context& context, const std::string& organization, const std::string& status) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    if (owner.status == status) {
        words::warn("{} is {} already", name_of(owner), status);
        return Exit::ok;
    }
    work.execute("change " + name_of(owner), "update organizations set status = :status where id = cast(:id as uuid)",
                 status, owner.id);
    return Exit::ok;
}

Exit add_user(const Context& context, const std::string& organization, dialplan::User user, std::string username) {
    require_texts({{"extension", user.extension}, {"name", user.full_name}, {"username", username}});
    Provisioner work{context};
    auto& owner = work.organization(organization);
    if (find(owner.users, &dialplan::User::extension, user.extension) != nullptr)
        throw taken(Kind::user, user.extension, owner);
    user.id = new_id;
    user.status = "active";
    user.ring_target = user.phone_number.empty() ? "ext" : "phone";
    const bool made = user.sip_password.empty() && user.ring_target == "ext";
    if (made)
        user.sip_password = make_password();
    if (username.empty())
        username = user.extension;
    work.attempt(owner, [&] { owner.users.push_back(user); });
    const auto on = boolean(user.recording_enabled);
    work.execute("add user " + user.extension, R"(
        insert into users (org_id, username, extension, full_name, sip_password, asterisk_endpoint, ring_target,
            phone_number, recording_enabled)
        values (cast(:org as uuid), :username, :extension, :name, nullif(:password, ''), nullif(:endpoint, ''),
            :target, nullif(:phone, ''), cast(:recording as boolean)))",
                 owner.id, username, user.extension, user.full_name, user.sip_password, user.asterisk_endpoint,
                 user.ring_target, user.phone_number, on);
    warn_of_silence(Kind::user, user.extension, owner, user.recording_enabled);
    if (context.json)
        print({{"organization", owner.name},
               {"extension", user.extension},
               {"sip_password", or_null(user.sip_password)},
               {"recording", user.recording_enabled.value_or(true)}});
    else if (made)
        fmt::print("{}\t{}\n", user.extension, user.sip_password);
    return Exit::ok;
}

Exit add_did(const Context& context, const std::string& organization, const dialplan::Did& given,
             const std::string& trunk) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    for (const auto& other : work.all())
        for (const auto& did : other.dids)
            if (without_plus(did.number) == without_plus(given.number))
                throw taken(Kind::did, given.number, other);
    auto did = given;
    did.id = new_id;
    did.status = "active";
    const auto trunk_key = trunk_id(owner, trunk);
    work.attempt(owner, [&] { owner.dids.push_back(did); });
    const auto on = boolean(did.recording_enabled);
    work.execute("add did " + did.number, R"(
        insert into did_numbers (org_id, trunk_id, number, routing_type, routing_destination, recording_enabled)
        values (cast(:org as uuid), cast(nullif(:trunk, '') as uuid), :number, :type, :destination,
            cast(:recording as boolean)))",
                 owner.id, trunk_key, did.number, did.routing_type, did.routing_destination, on);
    warn_of_silence(Kind::did, did.number, owner, did.recording_enabled);
    if (context.json)
        print({{"organization", owner.name},
               {"number", did.number},
               {"leads_to", did.routing_type},
               {"destination", did.routing_destination},
               {"recording", did.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_queue(const Context& context, const std::string& organization, const dialplan::Queue& given) {
    require_texts({{"name", given.name}});
    Provisioner work{context};
    auto& owner = work.organization(organization);
    if (find(owner.queues, &dialplan::Queue::number, given.number) != nullptr)
        throw taken(Kind::queue, given.number, owner);
    auto queue = given;
    queue.id = new_id;
    queue.status = "active";
    work.attempt(owner, [&] { owner.queues.push_back(queue); });
    const auto on = boolean(queue.recording_enabled);
    work.execute("add queue " + queue.number, R"(
        insert into queues (org_id, number, name, strategy, timeout, retry, max_wait_time, music_on_hold,
            timeout_destination, timeout_destination_type, recording_enabled)
        values (cast(:org as uuid), :number, :name, :strategy, :timeout, :retry, :wait, :music,
            nullif(:destination, ''), nullif(:type, ''), cast(:recording as boolean)))",
                 owner.id, queue.number, queue.name, queue.strategy, queue.timeout, queue.retry, queue.max_wait_time,
                 queue.music_on_hold, queue.timeout_destination, queue.timeout_destination_type, on);
    warn_of_silence(Kind::queue, queue.number, owner, queue.recording_enabled);
    if (context.json)
        print({{"organization", owner.name},
               {"number", queue.number},
               {"name", queue.name},
               {"recording", queue.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_route(const Context& context, const std::string& organization, dialplan::Route route,
               const std::string& trunk) {
    require_name(route.name, "name");
    Provisioner work{context};
    auto& owner = work.organization(organization);
    if (find(owner.routes, &dialplan::Route::name, route.name) != nullptr)
        throw taken(Kind::route, route.name, owner);
    route.id = new_id;
    route.status = "active";
    route.trunk_id = trunk_id(owner, trunk);
    work.attempt(owner, [&] { owner.routes.push_back(route); });
    const auto on = boolean(route.recording_enabled);
    work.execute("add route " + route.name, R"(
        insert into outbound_routes (org_id, trunk_id, name, dial_pattern, strip_digits, prepend_digits,
            caller_id_override, priority, recording_enabled)
        values (cast(:org as uuid), cast(nullif(:trunk, '') as uuid), :name, :pattern, :strip, :prepend,
            nullif(:caller, ''), :priority, cast(:recording as boolean)))",
                 owner.id, route.trunk_id, route.name, route.dial_pattern, route.strip_digits, route.prepend_digits,
                 route.caller_id_override, route.priority, on);
    warn_of_silence(Kind::route, route.name, owner, route.recording_enabled);
    if (context.json)
        print({{"organization", owner.name},
               {"name", route.name},
               {"pattern", route.dial_pattern},
               {"recording", route.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_trunk(const Context& context, const std::string& organization, const dialplan::Trunk& given) {
    require_name(given.name, "name");
    Provisioner work{context};
    auto& owner = work.organization(organization);
    if (find(owner.trunks, &dialplan::Trunk::name, given.name) != nullptr)
        throw taken(Kind::trunk, given.name, owner);
    auto trunk = given;
    trunk.id = new_id;
    trunk.status = "active";
    work.attempt(owner, [&] { owner.trunks.push_back(trunk); });
    work.execute("add trunk " + trunk.name, R"(
        insert into sip_trunks (org_id, name, host, port, transport, trunk_type, username, password)
        values (cast(:org as uuid), :name, :host, :port, :transport, :type, nullif(:username, ''),
            nullif(:password, '')))",
                 owner.id, trunk.name, trunk.host, trunk.port, trunk.transport, trunk.trunk_type, trunk.username,
                 trunk.password);
    if (context.json)
        print({{"organization", owner.name}, {"name", trunk.name}, {"host", trunk.host}, {"port", trunk.port}});
    return Exit::ok;
}

Exit list_rows(const Context& context, Kind kind, const std::string& organization) {
    Provisioner work{context};
    std::vector<Cells> rows;
    for (const auto* owner : work.chosen(organization)) {
        const auto first = rows.size();
        add_cells(rows, *owner, kind);
        std::sort(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end(),
                  [](const Cells& a, const Cells& b) { return a[1].second < b[1].second; });
    }
    print_rows(rows, context.json);
    return Exit::ok;
}

Exit remove_row(const Context& context, Kind kind, const std::string& organization, const std::string& name) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto stored = stored_name(owner, kind, name);
    work.attempt(owner, [&] { remove_from(owner, kind, stored); });
    const auto [word, table, column] = of(kind);
    work.execute(fmt::format("remove {} {}", word, printable(stored)),
                 fmt::format("delete from {} where org_id = cast(:org as uuid) and {} = :name", table, column),
                 owner.id, stored);
    return Exit::ok;
}

Exit join_queue(const Context& context, const std::string& organization, const std::string& queue,
                const std::string& extension, int penalty) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    const auto queue_id = queue_of(owner, queue).id;
    const auto user_id = user_of(owner, extension).id;
    work.execute("join the queue", R"(
        insert into queue_members (queue_id, user_id, penalty)
        values (cast(:queue as uuid), cast(:user as uuid), :penalty)
        on conflict (queue_id, user_id) do update set penalty = excluded.penalty)",
                 queue_id, user_id, penalty);
    return Exit::ok;
}

Exit leave_queue(const Context& context, const std::string& organization, const std::string& queue,
                 const std::string& extension) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    const auto queue_id = queue_of(owner, queue).id;
    const auto user_id = user_of(owner, extension).id;
    const auto rows = work.execute(
        "leave the queue",
        "delete from queue_members where queue_id = cast(:queue as uuid) and user_id = cast(:user as uuid)", queue_id,
        user_id);
    if (rows == 0)
        throw Error{Exit::no_input, fmt::format("user {} is no member of queue {} of {}", printable(extension),
                                                printable(queue), name_of(owner))};
    return Exit::ok;
}

Exit show_recording(const Context& context, const std::string& organization) {
    Provisioner work{context};
    RecordingTable table;
    for (const auto* owner : work.chosen(organization))
        table.add(*owner);
    table.print(context.json);
    return Exit::ok;
}

Exit switch_organization(const Context& context, const std::string& organization, bool on) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    const std::string value = on ? "true" : "false";
    work.execute("switch recording of " + name_of(owner), R"(
        update organizations set settings = coalesce(settings, '{}')
            || jsonb_build_object('recording_enabled', cast(:on as boolean))
        where id = cast(:id as uuid))",
                 value, owner.id);
    if (!on)
        words::warn("no call of {} will be recorded, whatever its rows say", name_of(owner));
    return Exit::ok;
}

Exit switch_row(const Context& context, const std::string& organization, Kind kind, const std::string& name, bool on) {
    Provisioner work{context};
    const auto& owner = work.organization(organization);
    const auto stored = stored_name(owner, kind, name);
    const std::string value = on ? "true" : "false";
    const auto [word, table, column] = of(kind);
    work.execute(
        fmt::format("switch recording of {} {}", word, printable(stored)),
        fmt::format(
            "update {} set recording_enabled = cast(:on as boolean) where org_id = cast(:org as uuid) and {} = :name",
            table, column),
        value, owner.id, stored);
    warn_of_silence(kind, stored, owner, on);
    return Exit::ok;
}

} // namespace pbx::provision
