// The gate between the database and Asterisk's configuration. It accepts by listing what is allowed, never by listing
// what is not.
#include "dialplan/plan.hpp"

#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>
#include <unordered_set>

namespace pbx::dialplan {

namespace {

constexpr std::string_view digits = "0-9";
constexpr std::string_view alphanumeric = "0-9A-Za-z";
constexpr std::string_view name_characters = "0-9A-Za-z_.-";

// A context's name has at most 79 bytes, and "__incoming_sub" is added to the prefix.
constexpr std::size_t longest_prefix = 60;
constexpr std::size_t longest_name = 79;
constexpr std::size_t longest_number = 32;

// Sections that mean something else to Asterisk than a tenant's endpoint or queue.
constexpr std::array reserved_names{"general", "globals", "global", "system"};

constexpr std::array strategies{"ringall",  "leastrecent", "fewestcalls", "random",
                                "rrmemory", "rrordered",   "linear",      "wrandom"};

// What makes a row unfit; caught where rows are gone through.
struct Fault {
    std::string words;
};

void require(bool condition, const std::string& fault) {
    if (!condition)
        throw Fault{fault};
}

void require_value(std::string_view text, const std::string& column) {
    if (const auto fault = value_fault(text); !fault.empty())
        throw Fault{column + ": " + std::string{fault}};
}

std::string quoted(std::string_view text) {
    return '"' + harmless(text) + '"';
}

// An extension or a queue number. Asterisk gives letters such as "h" and "i" a meaning of their own.
void require_extension(std::string_view text, const std::string& column) {
    require(consists_of(text, alphanumeric, longest_number) && consists_of(text.substr(0, 1), digits, 1),
            fmt::format("{} {} is not a digit followed by digits and letters, at most {}", column, quoted(text),
                        longest_number));
}

// Digits of a telephone number; a leading plus is dropped.
std::string number_digits(std::string_view text, const std::string& column) {
    auto number = text;
    if (!number.empty() && number.front() == '+')
        number.remove_prefix(1);
    require(consists_of(number, digits, longest_number),
            fmt::format("{} {} is not a number of at most {} digits", column, quoted(text), longest_number));
    return std::string{number};
}

// A number to dial, which may hold what a phone's keys can say.
void require_dialable(std::string_view text, const std::string& column) {
    require(consists_of(text, "0-9*#+", longest_number),
            fmt::format("{} {} is not a number of at most {} digits", column, quoted(text), longest_number));
}

std::string checked_pattern(const std::string& pattern) {
    static const std::regex shape{R"(_?\+?([0-9*#XZNxzn]|\[[0-9*#]([0-9*#-]*[0-9*#])?\])*[.!]?)"};
    require(pattern.size() <= 70 && std::regex_match(pattern, shape) &&
                pattern.find_first_of("0123456789XZNxzn[*#") != std::string::npos,
            fmt::format("dial_pattern {} is not a pattern of digits, X, Z, N, [ranges] and a final . or !",
                        quoted(pattern)));
    if (pattern.front() != '_' && pattern.find_first_of("XZNxzn[.!") != std::string::npos)
        return '_' + pattern;
    return pattern;
}

void require_host(std::string_view host) {
    const auto bare = host.size() > 2 && host.front() == '[' && host.back() == ']' ? host.substr(1, host.size() - 2)
                                                                                   : std::string_view{};
    const bool v6 = consists_of(bare, "0-9A-Fa-f:.", 45);
    const bool named = consists_of(host, "0-9A-Za-z.-", 253) && host.front() != '-' && host.front() != '.';
    require(v6 || named, fmt::format("host {} is not a host name or an address", quoted(host)));
}

// The names that exist once for all tenants.
class Names {
  public:
    explicit Names(const std::vector<Organization>& all) {
        for (const auto& organization : all)
            prefixes_.insert(organization.context_prefix);
    }

    // A tenant's own choice of a name must leave alone what begins like another tenant's. The longest prefix that fits
    // owns a name: "a_b_1" belongs to "a_b", not to "a".
    void take(std::set<std::string>& taken, const std::string& name, const std::string& standard,
              const Organization& organization, const std::string& column) const {
        require(consists_of(name, name_characters, longest_name) && consists_of(name.substr(0, 1), alphanumeric, 1),
                fmt::format("{} {} has more than letters, digits, dot, dash and underscore, or over {} of them", column,
                            quoted(name), longest_name));
        require(std::find(reserved_names.begin(), reserved_names.end(), name) == reserved_names.end(),
                fmt::format("{} {} means something else to Asterisk", column, quoted(name)));
        if (name != standard) {
            const auto owner = owner_of(name);
            require(owner.empty() || owner == organization.context_prefix,
                    fmt::format("{} {} begins like a name of another organization", column, quoted(name)));
        }
        require(taken.insert(name).second, fmt::format("{} {} is taken by another row", column, quoted(name)));
    }

    std::set<std::string> endpoints;
    std::set<std::string> queues;
    std::set<std::string> dids;

  private:
    std::string owner_of(const std::string& name) const {
        for (auto end = name.rfind('_'); end != std::string::npos && end > 0; end = name.rfind('_', end - 1))
            if (prefixes_.contains(name.substr(0, end)))
                return name.substr(0, end);
        return {};
    }

    std::unordered_set<std::string> prefixes_;
};

class Check {
  public:
    Check(Names& names, Checked& result) : names_{names}, result_{result} {}

    void organization(Organization&& raw) {
        org_ = &raw;
        const auto row = "organization " + harmless(raw.name);
        try {
            require(consists_of(raw.context_prefix, "a-z0-9_", longest_prefix),
                    fmt::format("context_prefix {} is not 1 to {} of a-z, 0-9 and _", quoted(raw.context_prefix),
                                longest_prefix));
            static const std::regex uuid{"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"};
            require(std::regex_match(raw.id, uuid), fmt::format("id {} is not a UUID", quoted(raw.id)));
        } catch (const Fault& fault) {
            result_.refusals.push_back({raw.context_prefix, row, fault.words});
            return;
        }
        prefix_ = raw.context_prefix;
        filter(raw.users, "user", &User::extension, [&](User& user) { check_user(user); });
        filter(raw.trunks, "trunk", &Trunk::name, [&](Trunk& trunk) { check_trunk(trunk); });
        filter(raw.routes, "route", &Route::name, [&](Route& route) { check_route(route); });
        filter(raw.queues, "queue", &Queue::number, [&](Queue& queue) { check_queue(queue); });
        filter(raw.dids, "did", &Did::number, [&](Did& did) { check_did(did); });
        std::sort(raw.dids.begin(), raw.dids.end(), [](const Did& a, const Did& b) { return a.number < b.number; });
        std::stable_sort(raw.routes.begin(), raw.routes.end(), [](const Route& a, const Route& b) {
            return std::tie(a.priority, a.name) < std::tie(b.priority, b.name);
        });
        const int limit = max_channels(raw);
        Plan plan{std::move(raw), limit};
        org_ = nullptr;
        look_for_loose_ends(plan);
        result_.plans.push_back(std::move(plan));
    }

  private:
    template <typename Row, typename Work>
    void filter(std::vector<Row>& rows, const char* kind, std::string Row::*key, Work&& work) {
        std::vector<Row> kept;
        kept.reserve(rows.size());
        std::sort(rows.begin(), rows.end(),
                  [&](const Row& a, const Row& b) { return std::tie(a.*key, a.id) < std::tie(b.*key, b.id); });
        for (auto& row : rows) {
            if (row.status != "active")
                continue;
            const auto shown = harmless(row.*key);
            try {
                work(row);
                kept.push_back(std::move(row));
            } catch (const Fault& fault) {
                result_.refusals.push_back(
                    {prefix_, fmt::format("{} {} of {}", kind, shown, harmless(org_->name)), fault.words});
            }
        }
        rows = std::move(kept);
    }

    // A limit that cannot be read is named, and does not silence the organization's telephones.
    int max_channels(const Organization& raw) {
        constexpr std::size_t longest_limit = 6;
        const auto& text = raw.max_channels;
        if (text.empty() || text == "null")
            return 0;
        if (consists_of(text, digits, longest_limit) && text.front() != '0')
            return std::stoi(text);
        result_.refusals.push_back(
            {prefix_, "limit max_channels of " + harmless(raw.name),
             fmt::format("{} is not a whole number from 1 to 999999, and calls are not limited", quoted(text))});
        return 0;
    }

    void check_user(User& user) {
        require_extension(user.extension, "extension");
        require(user.ring_target == "ext" || user.ring_target == "phone",
                fmt::format("ring_target {} is neither ext nor phone", quoted(user.ring_target)));
        if (user.ring_target == "phone")
            require_dialable(user.phone_number, "phone_number");
        // A user whose calls ring elsewhere may have no phone here at all.
        if (user.ring_target == "phone" && user.sip_password.empty()) {
            user.asterisk_endpoint.clear();
            return;
        }
        require(!user.sip_password.empty(), "sip_password is empty, and anyone could register the phone");
        require_value(user.sip_password, "sip_password");
        require_value(user.full_name, "full_name");
        require(user.full_name.size() <= longest_name, "full_name: it is longer than 79 bytes");
        const auto standard = prefix_ + "_" + user.extension;
        if (user.asterisk_endpoint.empty())
            user.asterisk_endpoint = standard;
        names_.take(names_.endpoints, user.asterisk_endpoint, standard, *org_, "asterisk_endpoint");
    }

    void check_trunk(Trunk& trunk) {
        require_host(trunk.host);
        require(trunk.approved_at != 0,
                fmt::format("no operator has approved its host {}: pbx-provision trunk approve", quoted(trunk.host)));
        require(trunk.port >= 1 && trunk.port <= 65535, "port is not from 1 to 65535");
        require(trunk.transport == "udp" || trunk.transport == "tcp" || trunk.transport == "tls",
                fmt::format("transport {} is none of udp, tcp, tls", quoted(trunk.transport)));
        if (trunk.trunk_type == "registration")
            trunk.trunk_type = "register";
        require(trunk.trunk_type == "peer" || trunk.trunk_type == "register",
                fmt::format("trunk_type {} is neither peer nor register", quoted(trunk.trunk_type)));
        if (!trunk.username.empty())
            require(consists_of(trunk.username, "0-9A-Za-z._+*#@~!=-", longest_name),
                    "username has more than letters, digits and . _ + * # @ ~ ! = -, or over 79 of them");
        require_value(trunk.password, "password");
        if (trunk.trunk_type == "register")
            require(!trunk.username.empty() && !trunk.password.empty(),
                    "a trunk that registers needs a username and a password");
        const bool readable = consists_of(trunk.name, "0-9A-Za-z_-", longest_number) &&
                              prefix_.size() + trunk.name.size() + 8 <= longest_name;
        const auto standard = prefix_ + "__trunk_" + (readable ? trunk.name : trunk.id.substr(0, 8));
        if (trunk.asterisk_peer_name.empty())
            trunk.asterisk_peer_name = standard;
        names_.take(names_.endpoints, trunk.asterisk_peer_name, standard, *org_, "asterisk_peer_name");
    }

    static void check_route(Route& route) {
        route.dial_pattern = checked_pattern(route.dial_pattern);
        require(route.strip_digits >= 0 && route.strip_digits <= 32, "strip_digits is not from 0 to 32");
        if (!route.prepend_digits.empty())
            require_dialable(route.prepend_digits, "prepend_digits");
        if (!route.caller_id_override.empty())
            require_dialable(route.caller_id_override, "caller_id_override");
    }

    void check_queue(Queue& queue) {
        require_extension(queue.number, "number");
        require(std::find(strategies.begin(), strategies.end(), queue.strategy) != strategies.end(),
                fmt::format("strategy {} is none of Asterisk's", quoted(queue.strategy)));
        require(queue.timeout >= 0 && queue.retry >= 0 && queue.max_wait_time >= 0, "a time is negative");
        if (queue.music_on_hold.empty())
            queue.music_on_hold = "default";
        require(consists_of(queue.music_on_hold, name_characters, longest_name),
                fmt::format("music_on_hold {} has more than letters, digits, dot, dash and underscore",
                            quoted(queue.music_on_hold)));
        const auto& type = queue.timeout_destination_type;
        if (type.empty() || type == "hangup") {
            queue.timeout_destination_type.clear();
            queue.timeout_destination.clear();
        } else {
            check_destination(type, queue.timeout_destination, "timeout_destination");
        }
        const auto standard = prefix_ + "__" + queue.number;
        if (queue.asterisk_queue_name.empty())
            queue.asterisk_queue_name = standard;
        names_.take(names_.queues, queue.asterisk_queue_name, standard, *org_, "asterisk_queue_name");
    }

    void check_did(Did& did) {
        did.number = number_digits(did.number, "number");
        check_destination(did.routing_type, did.routing_destination, "routing_destination");
        require(names_.dids.insert(did.number).second, "the same digits are another row's number");
    }

    static void check_destination(const std::string& type, const std::string& destination, const std::string& column) {
        if (type == "external")
            require_dialable(destination, column);
        else if (type == "extension" || type == "queue")
            require_extension(destination, column);
        else
            throw Fault{fmt::format("{} type {} is none of extension, queue, external", column, quoted(type))};
    }

    // What the text can hold although a call will end there.
    void look_for_loose_ends(const Plan& plan) {
        const auto of = " of " + harmless(plan.organization.name);
        const auto remark = [&](std::string words) { result_.remarks.push_back({prefix_, std::move(words)}); };
        const auto leads = [&](const std::string& row, const std::string& type, const std::string& destination) {
            if ((type == "extension" && plan.user(destination) == nullptr) ||
                (type == "queue" && plan.queue(destination) == nullptr))
                remark(
                    fmt::format("{}{} leads to {} {}, which is not there or not active", row, of, type, destination));
            if (type == "external" && plan.organization.routes.empty())
                remark(fmt::format("{}{} leads to {}, but there is no active route", row, of, destination));
        };
        for (const auto& did : plan.organization.dids)
            leads("did " + did.number, did.routing_type, did.routing_destination);
        for (const auto& queue : plan.organization.queues)
            leads("queue " + queue.number, queue.timeout_destination_type, queue.timeout_destination);
        for (const auto& route : plan.organization.routes)
            if (plan.trunk_by_id(route.trunk_id) == nullptr)
                remark(fmt::format("route {}{} has no active trunk: its calls fail", harmless(route.name), of));
    }

    Names& names_;
    Checked& result_;
    const Organization* org_ = nullptr;
    std::string prefix_;
};

// Asterisk knows the calls of a "peer" by the address they come from, and takes the first that fits.
void look_for_shared_addresses(Checked& checked) {
    std::map<std::string, std::map<std::string, std::string>> users_of;
    for (const auto& plan : checked.plans)
        for (const auto& trunk : plan.organization.trunks)
            if (trunk.trunk_type == "peer")
                users_of[trunk.host].emplace(plan.prefix(), harmless(plan.organization.name));
    for (const auto& [host, names] : users_of) {
        if (names.size() < 2)
            continue;
        const auto& [first, second] = std::pair{*names.begin(), *std::next(names.begin())};
        const auto others = names.size() == 2 ? "" : fmt::format(" and {} more", names.size() - 2);
        checked.remarks.push_back(
            {second.first, fmt::format("trunks of {}, {}{} take calls from the same host {}: all calls reach "
                                       "the first; trunks of type register are told apart",
                                       first.second, second.second, others, host)});
    }
}

template <typename Row>
const Row* find(const std::vector<Row>& rows, std::string Row::*key, std::string_view value) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.*key == value; });
    return found == rows.end() ? nullptr : &*found;
}

} // namespace

const User* Plan::user(std::string_view extension) const {
    return find(organization.users, &User::extension, extension);
}

const User* Plan::user_by_id(std::string_view id) const {
    return find(organization.users, &User::id, id);
}

const Queue* Plan::queue(std::string_view number) const {
    return find(organization.queues, &Queue::number, number);
}

const Trunk* Plan::trunk_by_id(std::string_view id) const {
    return find(organization.trunks, &Trunk::id, id);
}

Checked check(std::vector<Organization> all) {
    all.erase(std::remove_if(all.begin(), all.end(), [](const auto& each) { return each.status != "active"; }),
              all.end());
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.context_prefix < b.context_prefix; });
    Names names{all};
    Checked result;
    Check work{names, result};
    for (auto& organization : all)
        work.organization(std::move(organization));
    look_for_shared_addresses(result);
    return result;
}

} // namespace pbx::dialplan
