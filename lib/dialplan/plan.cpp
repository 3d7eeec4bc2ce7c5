// The gate between the database and Asterisk's configuration. It accepts by listing what is allowed, never by listing
// what is not.
#include "dialplan/plan.hpp"

#include "dialplan/conf_lines.hpp"
#include "dialplan/identity.hpp"
#include "dialplan/loops.hpp"
#include "dialplan/password.hpp"
#include "dialplan/pattern.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <regex>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

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
constexpr std::array reserved_names{"general",  "globals", "global", "system", "default", "default_outbound_endpoint",
                                    "anonymous"};

// pjsip_<prefix>.conf would be a file of Asterisk's own.
constexpr std::array reserved_prefixes{"notify", "wizard"};

constexpr std::array strategies{"ringall",  "leastrecent", "fewestcalls", "random",
                                "rrmemory", "rrordered",   "linear",      "wrandom"};

// What makes a row unfit; caught where rows are gone through.
struct Fault {
    std::string words;
    std::string hint;
    bool conflict = false;
};

void require(bool condition, const std::string& fault, const std::string& hint = {}) {
    if (!condition)
        throw Fault{fault, hint};
}

void require_value(std::string_view text, const std::string& column) {
    if (const auto fault = value_fault(text); !fault.empty())
        throw Fault{column + ": " + std::string{fault}, {}};
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

// The number that a trunk sends; a leading plus is dropped.
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

// A row of any kind on its way through the checks.
struct Claim {
    tenants::Organization* owner;
    const void* row;
    const char* kind;
    const std::string* key;
    tenants::Timestamp held_since;
    const std::string* id;
    bool live; // active, like its organization
    std::function<void()> check;

    std::string name() const { return fmt::format("{} {} of {}", kind, harmless(*key), harmless(owner->name)); }
};

// The id decides between rows of one moment.
bool is_older(tenants::Timestamp a, const std::string& a_id, tenants::Timestamp b, const std::string& b_id) {
    return std::tie(a, a_id) < std::tie(b, b_id);
}

// Where the names of `prefix` could be names of another organization, if that had the part before as its prefix: "a"
// has "a__queue" and "a__trunk_x", so that "a_" and "a__queue" reach into its names.
std::vector<std::string> stems(const std::string& prefix) {
    std::vector<std::string> result;
    for (auto at = prefix.find('_'); at != std::string::npos; at = prefix.find('_', at + 1))
        if (at + 1 == prefix.size() || prefix[at + 1] == '_')
            result.push_back(prefix.substr(0, at));
    return result;
}

class Check {
  public:
    Check(std::vector<tenants::Organization>& all, const Rules& rules) : all_{all}, rules_{rules} {}

    Checked run() {
        check_organizations();
        for (auto& organization : all_)
            if (!faults_.contains(&organization))
                make_claims(organization);
        std::stable_sort(claims_.begin(), claims_.end(), [](const Claim& a, const Claim& b) {
            return is_older(a.held_since, *a.id, b.held_since, *b.id);
        });
        for (const auto& claim : claims_) {
            claim_ = &claim;
            org_ = claim.owner;
            attempt(claim.row, claim.check);
        }
        share_out_hosts();
        for (const auto& organization : all_)
            if (generated(organization))
                refuse_rewriting_routes(organization);
        refuse_loops();
        for (auto& organization : all_)
            take(organization);
        return std::move(result_);
    }

  private:
    const std::string& prefix() const { return org_->context_prefix; }

    void attempt(const void* row, const std::function<void()>& work) {
        try {
            work();
        } catch (const Fault& fault) {
            faults_.emplace(row, fault);
        }
    }

    static bool active(const tenants::Organization& organization) { return organization.status == "active"; }

    // --- organizations

    void check_organizations() {
        std::vector<tenants::Organization*> by_age;
        by_age.reserve(all_.size());
        for (auto& organization : all_)
            by_age.push_back(&organization);
        std::stable_sort(by_age.begin(), by_age.end(), [](const auto* a, const auto* b) {
            return is_older(a->held_since, a->id, b->held_since, b->id);
        });
        for (auto* organization : by_age)
            attempt(organization, [&] { check_organization(*organization); });
    }

    void check_organization(const tenants::Organization& organization) {
        const auto& own = organization.context_prefix;
        require(consists_of(own, "a-z0-9_", longest_prefix),
                fmt::format("context_prefix {} is not 1 to {} of a-z, 0-9 and _", quoted(own), longest_prefix));
        static const std::regex uuid{"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"};
        require(std::regex_match(organization.id, uuid), fmt::format("id {} is not a UUID", quoted(organization.id)));
        require(std::find(reserved_prefixes.begin(), reserved_prefixes.end(), own) == reserved_prefixes.end(),
                fmt::format("context_prefix {0} would make pjsip_{0}.conf, which is a file of Asterisk's own", own),
                "give the organization another context_prefix");
        const auto collide = [&](const std::string& other) {
            throw Fault{
                fmt::format("context_prefix {} reaches into the names of organization {}, whose prefix is {}", own,
                            harmless(prefixes_.at(other)->name), other),
                "give the organization another context_prefix: one is no other with _, or __ and more, behind it",
                true};
        };
        if (prefixes_.contains(own))
            collide(own);
        const auto parts = stems(own);
        for (const auto& part : parts)
            if (prefixes_.contains(part))
                collide(part);
        if (const auto longer = stems_.find(own); longer != stems_.end())
            collide(longer->second);
        prefixes_.emplace(own, &organization);
        for (const auto& part : parts)
            stems_.emplace(part, own);
    }

    // --- rows, each by itself and against those that are older

    template <typename Row>
    void add_claims(tenants::Organization& organization, std::vector<Row>& rows, const char* kind,
                    std::string Row::*key, void (Check::*work)(Row&)) {
        std::sort(rows.begin(), rows.end(),
                  [&](const Row& a, const Row& b) { return std::tie(a.*key, a.id) < std::tie(b.*key, b.id); });
        for (auto& row : rows)
            claims_.push_back({&organization, &row, kind, &(row.*key), row.held_since, &row.id,
                               row.status == "active" && active(organization),
                               [this, work, &row] { (this->*work)(row); }});
    }

    void make_claims(tenants::Organization& organization) {
        add_claims(organization, organization.users, "user", &tenants::User::extension, &Check::check_user);
        add_claims(organization, organization.trunks, "trunk", &tenants::Trunk::name, &Check::check_trunk);
        // In the order in which calls try them.
        std::sort(organization.routes.begin(), organization.routes.end(),
                  [](const tenants::Route& a, const tenants::Route& b) {
                      return std::tie(a.priority, a.name, a.id) < std::tie(b.priority, b.name, b.id);
                  });
        for (auto& route : organization.routes)
            attempt(&route, [&] { check_route(route); });
        add_claims(organization, organization.queues, "queue", &tenants::Queue::number, &Check::check_queue);
        add_claims(organization, organization.dids, "did", &tenants::Did::number, &Check::check_did);
    }

    using Held = std::unordered_map<std::string, const Claim*>;

    static std::string holder(const Claim& claim) {
        return claim.name() + (claim.live ? "" : ", although that is not active");
    }

    // Gives `key` to the row that is being checked, unless an older row has it.
    void hold(Held& held, const std::string& key, const std::string& what, const std::string& hint) {
        const auto [found, added] = held.emplace(key, claim_);
        if (!added)
            throw Fault{fmt::format("{} is held by {}", what, holder(*found->second)), hint, true};
    }

    // A name that exists once for all tenants. The longest prefix that fits owns a name: "a_b_1" belongs to "a_b", not
    // to "a", unless the row of "a" was there before "a_b".
    template <typename Row>
    void hold_name(Held& held, const Row& row, std::string& name, const std::string& standard, const char* table,
                   const char* column) {
        if (name.empty())
            name = standard;
        const auto rename =
            fmt::format("update {} set {} = null where id = '{}' names it {}", table, column, row.id, standard);
        const auto what = fmt::format("{} {}", column, quoted(name));
        require(consists_of(name, name_characters, longest_name) && consists_of(name.substr(0, 1), alphanumeric, 1),
                fmt::format("{} has more than letters, digits, dot, dash and underscore, or over {} of them", what,
                            longest_name),
                rename);
        const auto key = lower(name);
        require(std::find(reserved_names.begin(), reserved_names.end(), key) == reserved_names.end(),
                what + " means something else to Asterisk", rename);
        require(name.size() > prefix().size() + 1 && name.starts_with(prefix() + '_'),
                fmt::format("{} does not begin with {}", what, quoted(prefix() + '_')), rename);
        const auto* owner = owner_of(name);
        if (owner != org_ && is_older(owner->held_since, owner->id, claim_->held_since, *claim_->id))
            throw Fault{fmt::format("{} begins like a name of another organization, {}", what, harmless(owner->name)),
                        rename, true};
        hold(held, key, what, name == standard ? "rename or remove the row that holds it" : rename);
    }

    // The organization with the longest prefix that `name` begins with; there is one, since the own prefix fits.
    const tenants::Organization* owner_of(const std::string& name) const {
        for (auto end = name.rfind('_'); end > prefix().size(); end = name.rfind('_', end - 1))
            if (const auto found = prefixes_.find(name.substr(0, end)); found != prefixes_.end())
                return found->second;
        return org_;
    }

    void refuse_emergency(const std::string& number, const char* column) const {
        require(std::find(rules_.emergency.begin(), rules_.emergency.end(), number) == rules_.emergency.end(),
                fmt::format("{} {} is an emergency number", column, quoted(number)),
                "choose another number; \"emergency\" in pbx.conf(5) names the emergency numbers");
    }

    // A limit that cannot be read is named, and does not silence the organization's telephones.
    int max_channels(const tenants::Organization& raw) {
        constexpr std::size_t longest_limit = 6;
        const auto& text = raw.max_channels;
        if (text.empty() || text == "null")
            return 0;
        if (consists_of(text, digits, longest_limit) && text.front() != '0')
            return std::stoi(text);
        result_.refusals.push_back(
            {raw.context_prefix, "limit max_channels of " + harmless(raw.name),
             fmt::format("{} is not a whole number from 1 to 999999, and calls are not limited", quoted(text))});
        return 0;
    }

    void check_user(tenants::User& user) {
        require_extension(user.extension, "extension");
        refuse_emergency(user.extension, "extension");
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
        hold_name(endpoints_, user, user.asterisk_endpoint, prefix() + "_" + user.extension, "users",
                  "asterisk_endpoint");
    }

    void check_trunk(tenants::Trunk& trunk) {
        require_host(trunk.host);
        require(trunk.approved_at.has_value(),
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
                              prefix().size() + trunk.name.size() + 8 <= longest_name;
        hold_name(endpoints_, trunk, trunk.asterisk_peer_name,
                  prefix() + "__trunk_" + (readable ? trunk.name : trunk.id.substr(0, 8)), "sip_trunks",
                  "asterisk_peer_name");
        if (trunk.trunk_type == "peer")
            peers_.emplace_back(claim_, &trunk);
    }

    // Asterisk knows the calls of a peer by the address they come from, whatever the port. A host is held from its
    // approval on: before, the row had nothing.
    void share_out_hosts() {
        std::stable_sort(peers_.begin(), peers_.end(), [](const auto& a, const auto& b) {
            return std::tie(a.second->approved_at, a.second->held_since, a.second->id) <
                   std::tie(b.second->approved_at, b.second->held_since, b.second->id);
        });
        Held hosts;
        for (const auto& [claim, trunk] : peers_) {
            const auto [found, added] = hosts.emplace(canonical_host(trunk->host), claim);
            if (!added && found->second->owner != claim->owner)
                faults_.emplace(
                    trunk,
                    Fault{fmt::format("host {} is held by {}", quoted(trunk->host), holder(*found->second)),
                          "calls from a host belong to one organization; trunks of type register may share one", true});
        }
    }

    static void check_route(tenants::Route& route) {
        route.dial_pattern = checked_pattern(route.dial_pattern);
        require(route.strip_digits >= 0 && route.strip_digits <= 32, "strip_digits is not from 0 to 32");
        if (!route.prepend_digits.empty())
            require_dialable(route.prepend_digits, "prepend_digits");
        if (!route.caller_id_override.empty())
            require_dialable(route.caller_id_override, "caller_id_override");
    }

    void check_queue(tenants::Queue& queue) {
        require_extension(queue.number, "number");
        refuse_emergency(queue.number, "number");
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
        hold_name(queues_, queue, queue.asterisk_queue_name, prefix() + "__" + queue.number, "queues",
                  "asterisk_queue_name");
    }

    void check_did(tenants::Did& did) {
        const auto number = number_digits(did.number, "number");
        refuse_emergency(number, "number");
        check_destination(did.routing_type, did.routing_destination, "routing_destination");
        hold(dids_, canonical_number(number), "the number " + number,
             "remove one of the two rows, or give one of them another number");
    }

    static void check_destination(const std::string& type, const std::string& destination, const std::string& column) {
        if (type == "external")
            require_dialable(destination, column);
        else if (type == "extension" || type == "queue")
            require_extension(destination, column);
        else
            throw Fault{fmt::format("{} type {} is none of extension, queue, external", column, quoted(type)), {}};
    }

    template <typename Row>
    bool fit(const Row& row) const {
        return row.status == "active" && !faults_.contains(&row);
    }

    bool generated(const tenants::Organization& organization) const {
        return active(organization) && fit(organization);
    }

    // --- emergency numbers

    const tenants::Trunk* trunk_of(const tenants::Organization& organization, const tenants::Route& route) const {
        const auto found =
            std::find_if(organization.trunks.begin(), organization.trunks.end(),
                         [&](const tenants::Trunk& trunk) { return trunk.id == route.trunk_id && fit(trunk); });
        return found == organization.trunks.end() ? nullptr : &*found;
    }

    static std::string dialled(const tenants::Route& route, const std::string& number) {
        const auto strip = std::min(static_cast<std::size_t>(route.strip_digits), number.size());
        return route.prepend_digits + number.substr(strip);
    }

    // A call goes out by the first route that takes its number and has a trunk: where that route dials an emergency
    // number as it is, what later routes would make of it does not matter.
    void refuse_rewriting_routes(const tenants::Organization& organization) {
        std::set<std::string> served;
        const auto of = " of " + harmless(organization.name);
        for (const auto& route : organization.routes) {
            const auto* trunk = fit(route) ? trunk_of(organization, route) : nullptr;
            if (trunk == nullptr)
                continue;
            std::string taken;
            std::string rewritten;
            for (const auto& number : rules_.emergency) {
                if (served.contains(number) || !pattern_takes(route.dial_pattern, number))
                    continue;
                taken += (taken.empty() ? "" : ", ") + number;
                if (const auto out = dialled(route, number); out != number)
                    rewritten += fmt::format("{}for {} it would dial {}", rewritten.empty() ? "" : ", ", number,
                                             out.empty() ? "nothing" : out);
            }
            if (!rewritten.empty()) {
                faults_.emplace(&route, Fault{fmt::format("dial_pattern {} takes emergency numbers: {}",
                                                          quoted(route.dial_pattern), rewritten),
                                              "add a route with a lower priority that takes them as they are; "
                                              "\"emergency\" in pbx.conf(5) names the emergency numbers"});
                continue;
            }
            if (taken.empty())
                continue;
            for (const auto& number : rules_.emergency)
                if (pattern_takes(route.dial_pattern, number))
                    served.insert(number);
            result_.remarks.push_back({organization.context_prefix,
                                       fmt::format("route {}{} takes {} to trunk {}: does that serve emergency calls?",
                                                   harmless(route.name), of, taken, harmless(trunk->name)),
                                       true});
        }
        const bool phones =
            std::any_of(organization.users.begin(), organization.users.end(),
                        [&](const tenants::User& user) { return fit(user) && !user.asterisk_endpoint.empty(); });
        if (phones && served.empty() && !rules_.emergency.empty())
            result_.remarks.push_back(
                {organization.context_prefix, fmt::format("no route{} takes an emergency number", of), true});
    }

    // --- routing loops

    struct Handing {
        tenants::Timestamp held_since;
        const std::string* id;
        const void* row;
        Hop hop;
    };

    static std::string hop_name(const tenants::Organization& organization, const char* kind, const std::string& key) {
        return fmt::format("{} {} of {}", kind, key, organization.context_prefix);
    }

    static std::string hop_name(const tenants::Did& did) { return "did " + canonical_number(did.number); }

    // A number that is dialled may come back by any DID that the carrier sends to us.
    void lead_outside(const tenants::Organization& organization, const std::string& number,
                      std::vector<std::string>& next) const {
        for (const auto& route : organization.routes) {
            if (!fit(route) || trunk_of(organization, route) == nullptr)
                continue;
            // The default route takes numbers with a plus too, and sends them as they are (extensions.cpp).
            const bool as_it_is = route.dial_pattern == "_X." && pattern_takes("_+X.", number);
            if (!as_it_is && !pattern_takes(route.dial_pattern, number))
                continue;
            const auto out = international_number(as_it_is ? number : dialled(route, number));
            const auto [first, last] = dids_outside_.equal_range(out);
            std::transform(first, last, std::back_inserter(next), [](const auto& each) { return each.second; });
        }
    }

    void lead(const tenants::Organization& organization, const std::string& type, const std::string& destination,
              std::vector<std::string>& next) const {
        if (type == "external")
            lead_outside(organization, destination, next);
        else if (type == "queue")
            next.push_back(hop_name(organization, "queue", destination));
        else if (type == "extension")
            next.push_back(hop_name(organization, "user", destination));
    }

    void add_hops(const tenants::Organization& organization, std::vector<Handing>& hops) const {
        std::unordered_map<std::string_view, std::string> outside; // users by id whose calls ring outside
        for (const auto& user : organization.users) {
            if (!fit(user) || user.ring_target != "phone")
                continue;
            auto name = hop_name(organization, "user", user.extension);
            std::vector<std::string> next;
            lead_outside(organization, user.phone_number, next);
            outside.emplace(user.id, name);
            hops.push_back({user.held_since, &user.id, &user, {std::move(name), std::move(next)}});
        }
        for (const auto& queue : organization.queues) {
            if (!fit(queue))
                continue;
            std::vector<std::string> next;
            lead(organization, queue.timeout_destination_type, queue.timeout_destination, next);
            for (const auto& member : queue.members)
                if (const auto found = outside.find(member.user_id); found != outside.end())
                    next.push_back(found->second);
            hops.push_back({queue.held_since,
                            &queue.id,
                            &queue,
                            {hop_name(organization, "queue", queue.number), std::move(next)}});
        }
        for (const auto& did : organization.dids) {
            if (!fit(did))
                continue;
            std::vector<std::string> next;
            lead(organization, did.routing_type, did.routing_destination, next);
            hops.push_back({did.held_since, &did.id, &did, {hop_name(did), std::move(next)}});
        }
    }

    void refuse_loops() {
        for (const auto& organization : all_)
            if (generated(organization))
                for (const auto& did : organization.dids)
                    if (fit(did))
                        dids_outside_.emplace(international_number(did.number), hop_name(did));
        std::vector<Handing> rows;
        for (const auto& organization : all_)
            if (generated(organization))
                add_hops(organization, rows);
        std::stable_sort(rows.begin(), rows.end(), [](const Handing& a, const Handing& b) {
            return is_older(a.held_since, *a.id, b.held_since, *b.id);
        });
        std::vector<Hop> hops;
        hops.reserve(rows.size());
        for (auto& row : rows)
            hops.push_back(std::move(row.hop));
        for (const auto& loop : find_loops(hops)) {
            constexpr std::size_t most_shown = 5;
            std::string way;
            for (std::size_t i = 0; i < std::min(loop.path.size(), most_shown); ++i)
                way += (i == 0 ? "" : ", ") + loop.path[i];
            if (loop.path.size() > most_shown)
                way += fmt::format(" and {} more", loop.path.size() - most_shown);
            faults_.emplace(rows[loop.hop].row,
                            Fault{"calls to it come back to it: they go to " + way,
                                  "lead it, or one of these, to a destination that ends there", true});
        }
    }

    // --- what is left

    template <typename Row>
    void keep_fit(const tenants::Organization& organization, std::vector<Row>& rows, const char* kind,
                  std::string Row::*key) {
        std::vector<Row> kept;
        kept.reserve(rows.size());
        for (auto& row : rows) {
            if (row.status != "active")
                continue;
            const auto fault = faults_.find(&row);
            if (fault == faults_.end())
                kept.push_back(std::move(row));
            else
                result_.refusals.push_back(
                    {organization.context_prefix,
                     fmt::format("{} {} of {}", kind, harmless(row.*key), harmless(organization.name)),
                     fault->second.words, fault->second.hint, fault->second.conflict});
        }
        rows = std::move(kept);
    }

    void take(tenants::Organization& organization) {
        if (!active(organization))
            return;
        if (const auto fault = faults_.find(&organization); fault != faults_.end()) {
            result_.refusals.push_back({organization.context_prefix, "organization " + harmless(organization.name),
                                        fault->second.words, fault->second.hint, fault->second.conflict});
            return;
        }
        keep_fit(organization, organization.users, "user", &tenants::User::extension);
        keep_fit(organization, organization.trunks, "trunk", &tenants::Trunk::name);
        keep_fit(organization, organization.routes, "route", &tenants::Route::name);
        keep_fit(organization, organization.queues, "queue", &tenants::Queue::number);
        keep_fit(organization, organization.dids, "did", &tenants::Did::number);
        for (auto& did : organization.dids)
            did.number = canonical_number(did.number);
        std::sort(organization.dids.begin(), organization.dids.end(),
                  [](const tenants::Did& a, const tenants::Did& b) { return a.number < b.number; });
        const int limit = max_channels(organization);
        Plan plan{std::move(organization), limit};
        look_for_loose_ends(plan);
        look_for_weak_passwords(plan);
        result_.plans.push_back(std::move(plan));
    }

    // What the text can hold although a call will end there.
    void look_for_loose_ends(const Plan& plan) {
        const auto of = " of " + harmless(plan.organization.name);
        const auto remark = [&](std::string words) { result_.remarks.push_back({plan.prefix(), std::move(words)}); };
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

    // Such a row is not left out: its phone would be lost for what its user did not choose.
    void look_for_weak_passwords(const Plan& plan) {
        for (const auto& user : plan.organization.users)
            if (const auto fault = password_fault(user, user.asterisk_endpoint);
                !fault.empty() && !user.asterisk_endpoint.empty())
                result_.remarks.push_back(
                    {plan.prefix(), fmt::format("sip_password of user {} of {} {}", user.extension,
                                                harmless(plan.organization.name), fault)});
    }

    std::vector<tenants::Organization>& all_;
    const Rules& rules_;
    Checked result_;
    std::unordered_map<const void*, Fault> faults_; // of organizations and rows, by their address
    std::unordered_map<std::string, const tenants::Organization*> prefixes_;
    std::unordered_map<std::string, std::string> stems_; // and the prefix that they are stems of
    std::vector<Claim> claims_;                          // oldest first
    Held endpoints_, queues_, dids_;
    std::vector<std::pair<const Claim*, const tenants::Trunk*>> peers_;
    std::unordered_multimap<std::string, std::string> dids_outside_; // hops by the number that is dialled
    // What is being checked.
    const Claim* claim_ = nullptr;
    const tenants::Organization* org_ = nullptr;
};

template <typename Row>
const Row* find(const std::vector<Row>& rows, std::string Row::*key, std::string_view value) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.*key == value; });
    return found == rows.end() ? nullptr : &*found;
}

} // namespace

const tenants::User* Plan::user(std::string_view extension) const {
    return find(organization.users, &tenants::User::extension, extension);
}

const tenants::User* Plan::user_by_id(std::string_view id) const {
    return find(organization.users, &tenants::User::id, id);
}

const tenants::Queue* Plan::queue(std::string_view number) const {
    return find(organization.queues, &tenants::Queue::number, number);
}

const tenants::Trunk* Plan::trunk_by_id(std::string_view id) const {
    return find(organization.trunks, &tenants::Trunk::id, id);
}

Checked check(std::vector<tenants::Organization> all, const Rules& rules) {
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return std::tie(a.context_prefix, a.id) < std::tie(b.context_prefix, b.id);
    });
    return Check{all, rules}.run();
}

} // namespace pbx::dialplan
