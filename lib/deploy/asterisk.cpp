// A configuration is tried out twice, with and without the organizations' files: what is wrong in both is the
// operator's own, and does not stop a deployment.
#include "deploy/asterisk.hpp"

#include "base/error.hpp"
#include "base/lines.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "deploy/asterisk_account.hpp"
#include "deploy/asterisk_listings.hpp"
#include "deploy/asterisk_log.hpp"
#include "deploy/candidate.hpp"
#include "deploy/cdr_settings.hpp"
#include "deploy/codec_paths.hpp"
#include "deploy/console.hpp"
#include "deploy/identifier_order.hpp"
#include "deploy/private_asterisk.hpp"
#include "dialplan/conf_lines.hpp"
#include "dialplan/includes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <set>

namespace pbx::deploy {

namespace {

// An organization's file without its content, except for the sections that the operator's files refer to.
std::string without_content(const Source& source, const std::set<std::string>& extended) {
    std::string text;
    dialplan::for_each_conf_line(source.text, [&](const dialplan::ConfLine& line) {
        if (const auto section = dialplan::section_of(line.code); extended.contains(section.name))
            text += line.text;
    });
    return text;
}

Candidate candidate_of(const Folder& folder, const Texts& instead) {
    return make_candidate(folder, instead, [](const Source& source) { return source.text; });
}

Candidate candidate_without_organizations(const Folder& folder, const Texts& instead) {
    const auto operators = read_operator_files(folder, instead);
    return make_candidate(folder, instead,
                          [&](const Source& source) { return without_content(source, operators.extended); });
}

constexpr std::size_t most_listed = 256U << 20U; // bytes of "dialplan show" for thousands of organizations

std::string_view first_line_of(std::string_view text) {
    return text.substr(0, text.find('\n'));
}

// The faults of a configuration, from what an Asterisk loaded with and without the organizations' files.
class Comparison {
  public:
    Comparison(const LoadedConfiguration& loaded, const LoadedConfiguration& without, const std::vector<File>& files)
        : loaded_{loaded}, without_{without}, files_{files} {}

    std::vector<std::string> faults() {
        compare_complaints();
        const auto complaints = faults_.size();
        compare_extensions();
        compare_queues();
        compare_endpoints();
        something_missing_ = faults_.size() > complaints;
        return std::move(faults_);
    }

    /// Whether something is not there, for which the operator's own files may be the reason.
    bool something_missing() const { return something_missing_; }

  private:
    // A complaint that Asterisk makes without the organizations' files too is about the operator's own files.
    void compare_complaints() {
        const auto& known = without_.complaints;
        for (const auto& complaint : loaded_.complaints) {
            if (std::find(known.begin(), known.end(), complaint) != known.end())
                continue;
            if (is_about_name_servers(complaint))
                log::warn("the private Asterisk cannot resolve the host of a trunk: {}", complaint);
            else
                faults_.push_back(complaint);
        }
    }

    void compare_extensions() {
        const auto shown = extensions_shown(loaded_.dialplan);
        require_shown(extensions_in(files_), shown, "extension");
        require_shown(extensions_shown(without_.dialplan), shown, "the operator's extension");
    }

    void compare_queues() {
        const auto shown = queues_shown(loaded_.queues);
        require_shown(sections_in(files_, dialplan::queue_files, ""), shown, "queue");
        require_shown(queues_shown(without_.queues), shown, "the operator's queue");
    }

    void compare_endpoints() {
        const auto shown = endpoints_shown(loaded_.endpoints);
        const auto own = endpoints_shown(without_.endpoints);
        add_missing(endpoints_not_shown(sections_in(files_, dialplan::endpoint_files, "type=endpoint"), shown),
                    "endpoint");
        add_missing(endpoints_not_shown({own.begin(), own.end()}, shown), "the operator's endpoint");
    }

    void require_shown(const Names& expected, const Names& shown, const std::string& what) {
        add_missing(deploy::without(expected, shown), what);
    }

    void add_missing(const Names& names, const std::string& what) {
        for (const auto& name : names)
            faults_.push_back(fmt::format("{} {} is in the files, but Asterisk does not have it", what, name));
    }

    const LoadedConfiguration& loaded_;
    const LoadedConfiguration& without_;
    const std::vector<File>& files_;
    std::vector<std::string> faults_;
    bool something_missing_ = false;
};

// Warns about what Asterisk says about the operator's files alone.
void show_operators_complaints(const LoadedConfiguration& without, const Candidate& candidate) {
    for (const auto& complaint : Names{without.complaints.begin(), without.complaints.end()})
        if (is_about_files(complaint, candidate))
            log::warn("asterisk, about the operator's files alone: {}", complaint);
}

void require_names_first(const LoadedConfiguration& loaded, bool peers) {
    const auto fault = order_fault(setting_shown(loaded.settings, "endpoint_identifier_order"));
    if (!fault.empty() && peers)
        throw Error{Exit::data, "pjsip.conf: " + fault + "; nothing was changed", order_hint};
    if (!fault.empty())
        log::warn("pjsip.conf: {}", fault);
}

void warn_about_cdr(const std::string& where, const std::string& status) {
    const auto faults = cdr_faults(status);
    for (const auto& fault : faults)
        log::warn("{}: {}", where, fault.text);
    if (!faults.empty())
        log::warn("hint: {}", cdr_hint(status));
}

// Of the files that config_options.c reads, the private Asterisk has only cdr.conf. Some of its complaints name no
// file.
void show_complaints_about_cdr(const LoadedConfiguration& loaded) {
    for (const auto& complaint : Names{loaded.complaints.begin(), loaded.complaints.end()})
        if (complaint.starts_with("config_options.c:") && complaint.find("Unable to load") == std::string::npos)
            log::warn("asterisk, about cdr.conf: {}", complaint);
}

void require_cdr_rows(const LoadedConfiguration& loaded, const Candidate& candidate) {
    const auto faults = cdr_faults(loaded.cdr_status);
    const bool missing =
        std::any_of(faults.begin(), faults.end(), [](const auto& fault) { return fault.rows_missing; });
    // A folder without cdr.conf is not all that Asterisk will have: its defaults are no reason to refuse a dialplan.
    const bool configured = candidate.files.contains(cdr_file);
    if (!missing || !configured) {
        warn_about_cdr(configured ? "cdr.conf" : "there is no cdr.conf", loaded.cdr_status);
        return;
    }
    show_complaints_about_cdr(loaded);
    for (const auto& fault : faults)
        log::error({Exit::data, fmt::format("cdr.conf: {}", fault.text)});
    throw Error{Exit::data, "with these CDR settings calls are missing in the database; nothing was changed",
                cdr_hint(loaded.cdr_status)};
}

// Its module does not work without a licence, which the private Asterisk does not have.
constexpr const char* licensed_codec = "g729";

void require_codecs(const LoadedConfiguration& loaded, const std::map<std::string, Names>& codecs) {
    auto missing = loaded.codecs_without_path;
    if (missing.erase(licensed_codec) > 0)
        log::warn("{}, unless its module has a licence", codec_fault(licensed_codec, codecs.at(licensed_codec)));
    for (const auto& codec : missing)
        log::error({Exit::data, codec_fault(codec, codecs.at(codec))});
    if (!missing.empty())
        throw Error{Exit::data, "with these codecs calls would not be recorded; nothing was changed", codec_hint};
}

} // namespace

void Asterisk::validate(const std::vector<File>& files, const Texts& mains, bool peers,
                        const Deadline& deadline) const {
    const WaitingFor waiting{"the private Asterisk", Exit::unavailable};
    const auto user = asterisk_account(folder_);
    const PrivateAsteriskOptions options{trusted_program(program_, user.user), installed_folders(folder_, user), user,
                                         trusted_temporary_folder(user), codecs_in(files)};
    auto options_without = options;
    options_without.codecs.clear();
    auto instead = mains;
    for (const auto& file : files)
        instead.emplace(file.name, file.text);
    const auto candidate = candidate_of(folder_, instead);
    const auto operators_candidate = candidate_without_organizations(folder_, instead);
    for (const auto& name : candidate.exec)
        log::warn("{}: the output of its #exec lines is not validated", name);

    auto without_run =
        std::async(std::launch::async, [&] { return load_privately(options_without, operators_candidate, deadline); });
    const auto loaded = load_privately(options, candidate, deadline);
    const auto without = without_run.get();

    Comparison comparison{loaded, without, files};
    const auto faults = comparison.faults();
    if (comparison.something_missing())
        show_operators_complaints(without, candidate);
    for (const auto& fault : faults)
        log::error({Exit::data, "asterisk: " + fault});
    if (!faults.empty())
        throw Error{Exit::data, "a private Asterisk does not accept the configuration; nothing was changed",
                    "the lines above are its complaints"};
    require_names_first(loaded, peers);
    require_cdr_rows(loaded, candidate);
    require_codecs(loaded, options.codecs);
    log::note("a private Asterisk loaded {} endpoints and {} extensions without a complaint",
              sections_in(files, dialplan::endpoint_files, "type=endpoint").size(), extensions_in(files).size());
}

std::string Asterisk::ask_running(const std::string& question, const Deadline& deadline) const {
    const WaitingFor waiting{"Asterisk", Exit::unavailable};
    return ask_console({program_, folder_.path().native(), most_listed}, question, deadline,
                       "the files are in place: is Asterisk running, and may this user talk to it? The next run with "
                       "--reload tries again");
}

void Asterisk::reload(const std::string& main_file, const Deadline& deadline) const {
    const std::string command = main_file == "extensions.conf" ? "dialplan reload"
                                : main_file == "pjsip.conf"    ? "module reload res_pjsip.so"
                                                               : "queue reload all";
    const auto answer = ask_running(command, deadline);
    for (const auto* refusal : {"don't have permission", "didn't finish yet", "No such command", "No such module"})
        if (answer.find(refusal) != std::string::npos)
            throw Error{Exit::unavailable,
                        fmt::format("asterisk -rx \"{}\" failed: {}", command, printable(first_line_of(answer), 200)),
                        "the files are in place; the next run with --reload tries again"};
}

void Asterisk::require_loaded(const std::vector<File>& files, const Deadline& deadline) const {
    const auto listing = ask_running("dialplan show", deadline);
    const auto missing = without(steps_in(files), steps_shown(listing));
    const auto own = extensions_in(files);
    auto stale = without(policy_in(extensions_shown(listing)), own);
    std::set<std::string> contexts;
    for (const auto& file : files)
        for (const auto& section : sections_in({file}, dialplan::extension_files, ""))
            contexts.insert(section);
    std::erase_if(stale, [&](const std::string& name) { return !contexts.contains(name.substr(0, name.find(' '))); });
    if (!missing.empty() || !stale.empty())
        throw Error{Exit::unavailable,
                    fmt::format("Asterisk has reloaded its dialplan, and still has the earlier one: {} {}",
                                missing.empty() ? "it should not have" : "it lacks",
                                printable(missing.empty() ? *stale.begin() : *missing.begin(), 200)),
                    "see the log of Asterisk: a file that extensions.conf includes may be missing. The next run with "
                    "--reload tries again"};
}

void Asterisk::check_running_order(const Deadline& deadline) const {
    std::vector<std::string> order;
    const auto identifiers = ask_running("pjsip show identifiers", deadline);
    for (const auto line : Lines{identifiers})
        for (auto& name : list_entries(line))
            order.push_back(std::move(name));
    // An Asterisk without PJSIP knows no such command, and has no phones either.
    if (std::find(order.begin(), order.end(), "ip") != order.end() && !names_come_first(order)) {
        log::warn("the running Asterisk looks at addresses before names: a trunk whose address is that of an office "
                  "takes the calls of its phones");
        log::warn("hint: {}", order_hint);
    }
}

void Asterisk::check_running_cdr(const Deadline& deadline) const {
    const auto status = ask_running("cdr show status", deadline);
    warn_about_cdr("the running Asterisk", status);
    if (status.find("(none)") == std::string::npos)
        return;
    log::warn("the running Asterisk has no CDR backend, so no CDR row reaches the database");
    log::warn("hint: copy cdr_pgsql.conf of the examples, load cdr_pgsql.so in modules.conf, and restart Asterisk");
}

void Asterisk::check_running_codecs(const std::vector<File>& files, const Deadline& deadline) const {
    const auto codecs = codecs_in(files);
    const auto missing =
        codecs_without_path(codecs, [&](const std::string& question) { return ask_running(question, deadline); });
    for (const auto& codec : missing)
        log::warn("the running Asterisk: {}", codec_fault(codec, codecs.at(codec)));
    if (!missing.empty())
        log::warn("hint: {}", codec_hint);
}

} // namespace pbx::deploy
