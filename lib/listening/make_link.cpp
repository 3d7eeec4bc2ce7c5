#include "listening/make_link.hpp"

#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "db/session.hpp"
#include "db/tenant_choice.hpp"
#include "listening/link.hpp"
#include "listening/percent.hpp"
#include "recording/chosen_call.hpp"
#include "recording/resolved_call.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pbx::listening {

namespace {

void require_options(const MakeLinkOptions& options) {
    if (options.key_file.empty())
        throw Error{Exit::config, "no file of link keys is configured",
                    "set link-key in pbx.conf to a file that pbx.conf(5) describes"};
    if (options.lifetime.count() <= 0)
        throw Error{Exit::usage, "a link must be valid for some time", "give --for a time such as 24h"};
    const auto& base = options.base;
    const bool is_url = base.empty() || base.starts_with("https://") || base.starts_with("http://") ||
                        (base.starts_with('/') && !base.starts_with("//"));
    const bool is_plain = std::all_of(base.begin(), base.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!is_url || !is_plain || base.find_first_of("?#\"'<>\\") != std::string::npos)
        throw Error{Exit::config, "link-base \"" + shown(base) + "\" is not the beginning of a URL",
                    "set it to something like https://pbx.example.com/recordings"};
}

cdr::Call find_call(const LinkedCall& linked, const cdr::CallName& name) {
    soci::session session;
    db::connect(session, linked.database, std::min(linked.timeout, std::chrono::seconds{60}));
    auto call = recording::choose_call(session, linked.naming, name,
                                       db::chosen_account(session, {linked.organization, linked.account}));
    recording::require_served(call, linked.leg);
    return call;
}

// A linkedid of digits only would be taken for a CDR id.
const std::string& name_of(const cdr::Call& call, const cdr::CallName& name) {
    const bool is_number = call.linkedid.find_first_not_of("0123456789") == std::string::npos;
    return is_number ? name.call : call.linkedid;
}

std::string without_last_slash(std::string base) {
    while (base.ends_with('/'))
        base.pop_back();
    return base;
}

} // namespace

Exit print_link(const MakeLinkOptions& options, const LinkedCall& linked) {
    require_options(options);
    const auto keys = read_link_keys(options.key_file);
    const auto wanted = cdr::CallName::parse(linked.call);
    const auto call = find_call(linked, wanted);
    const auto& name = name_of(call, wanted);
    require_safe_name(name, "call");
    const auto expires = current_second() + options.lifetime;
    const auto link = signed_link({name,
                                   call.accountcode,
                                   linked.leg ? std::to_string(*linked.leg) : "",
                                   std::to_string(expires.time_since_epoch().count()),
                                   options.may,
                                   {},
                                   {},
                                   linked.leg ? call.legs.at(*linked.leg - 1) : ""},
                                  keys);
    output::print("{}/calls/{}{}?{}\n", without_last_slash(options.base), percent_encoded(name),
                  options.page ? "" : "/recording", link_query(link));
    return Exit::ok;
}

} // namespace pbx::listening
