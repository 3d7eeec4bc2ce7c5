// The command line that all tools share: options, variables, the config file, and how a run ends.
#pragma once

#include "base/error.hpp"
#include "cli/config_file.hpp"
#include "cli/unused_options.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pbx::cli {

/// A CLI11 application with the suite's contract built in: --help, --version, -q, -v, --config; a setting comes from
/// its flag, else its variable, else the config file ([tool] section before the top of the file), else its default.
class App : public CLI::App {
  public:
    App(const std::string& tool, const std::string& description);

    /// A setting of the contract's table: a long flag and the variable that can replace it.
    CLI::Option* add_setting(const std::string& flag, const std::string& variable, std::string& value,
                             const std::string& description);

    /// An option that takes a duration (duration.hpp): "90s", "1h30m".
    CLI::Option* add_duration(CLI::App& where, const std::string& flag, std::chrono::seconds& value,
                              const std::string& description);

    /// The same, where 0 makes no sense and is a usage error.
    CLI::Option* add_span(CLI::App& where, const std::string& flag, std::chrono::seconds& value,
                          const std::string& description);

    /// --csv and --csv=raw; see Table::Form. A tool has one of them.
    CLI::Option* add_csv(CLI::App& where, bool& csv, bool& raw);

    /// An option with a fixed set of values; completion reads them from its type name.
    template <typename Value>
    CLI::Option* add_choice(const std::string& flag, Value& value, const std::map<std::string, Value>& choices,
                            const std::string& description) {
        std::string words;
        for (const auto& [word, meaning] : choices)
            words += (words.empty() ? "" : ",") + word;
        return add_option_function<std::string>(
                   flag,
                   [&value, choices, flag, words](const std::string& text) {
                       const auto found = choices.find(text);
                       if (found == choices.end())
                           throw CLI::ValidationError{flag, "\"" + text + "\" is not one of " + words};
                       value = found->second;
                   },
                   description)
            ->type_name("{" + words + "}");
    }

    /// --timeout: run() arms the watchdog with it.
    void add_timeout(std::chrono::seconds standard);
    std::chrono::seconds timeout() const { return timeout_; }

    // The settings that several tools use.
    void add_database(std::string& value);
    void add_spool(std::string& value);
    void add_node(std::string& value);
    CLI::Option* add_metrics(std::string& value);
    /// --no-pager, for a tool whose reports can be long; they call pager::begin().
    void add_pager();
    /// Numbers, separated by blanks or commas; one list replaces the default.
    void add_emergency(std::vector<std::string>& value);

    /// Makes it a usage error to give one of `options` together with this subcommand, which ignores them.
    void refuse_with(const CLI::App* command, std::vector<const CLI::Option*> options);
    /// The same for `option`, whose presence makes the tool ignore `options`.
    void refuse_with(const CLI::Option* option, std::vector<const CLI::Option*> options);

    /// What --help ends with.
    void add_examples(const std::vector<std::string>& commands);

    /// Runs `action` after parsing and before the work, in the order of these calls.
    void after_parsing(std::function<void()> action);

    /// For the hidden option --complete-values KIND, by which completion scripts ask the tool for names. It is silent
    /// whatever fails.
    void on_complete_values(std::function<void(const std::string& kind)> print) { print_values_ = std::move(print); }

    /// What to do instead of the work, and of a message, when the configuration file or a variable cannot be used. The
    /// options then have the values of the command line.
    void on_bad_configuration(std::function<Exit(const Error&)> action) { on_bad_configuration_ = std::move(action); }
    /// The configuration file that was read; empty when there is none. Known once the command line is parsed.
    std::string config_file() const;

    /// Parses, runs `work`, writes out what it printed (output.hpp), and turns every exception into a message and the
    /// exit status of the contract. Does not return when a signal interrupted the work: the process ends by that
    /// signal.
    int run(int argc, const char* const* argv, const std::function<Exit()>& work);

  private:
    std::optional<std::string> answer_instead(int argc, const char* const* argv);
    std::optional<std::string> parse_or_answer(int argc, const char* const* argv);
    void complete_values(const char* kind, const char* const* argv);
    Exit parse_and_work(int argc, const char* const* argv, const std::function<Exit()>& work);
    void parse_without_config(int argc, const char* const* argv);
    void read_config(const std::string& path);
    Error unexpected_argument(const CLI::ExtrasError& error) const;

    std::string config_path_;
    std::vector<ConfigLine> config_;
    std::optional<Error> config_error_;
    bool ignore_config_ = false;
    bool quiet_ = false;
    bool verbose_ = false;
    bool has_pager_ = false;
    bool no_pager_ = false;
    std::chrono::seconds timeout_{0};
    std::string csv_; ///< what --csv was given
    std::vector<UnusedOptions> unused_;
    std::vector<std::function<void()>> after_parsing_;
    std::function<void(const std::string&)> print_values_;
    std::function<Exit(const Error&)> on_bad_configuration_;
};

} // namespace pbx::cli
