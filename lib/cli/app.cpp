// Adapts CLI11's precedence to ours, and maps its exceptions to exit statuses.
#include "cli/app.hpp"

#include "base/deadline.hpp"
#include "base/duration.hpp"
#include "base/fd.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/pager.hpp"
#include "base/trust.hpp"
#include "cli/completion.hpp"
#include "cli/config_reader.hpp"
#include "cli/help.hpp"

#include <fmt/format.h>
#include <version.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace pbx::cli {

namespace {

constexpr const char* default_config = "/etc/pbx/pbx.conf";

std::chrono::seconds duration_of(const std::string& flag, const std::string& text) {
    try {
        return parse_duration(text);
    } catch (const Error& error) {
        throw CLI::ValidationError{flag, std::string{error.what()} + "; " + error.hint()};
    }
}

// "pbx-provision user set"
std::string path_of(const CLI::App& command) {
    const auto* parent = command.get_parent();
    return parent == nullptr ? command.get_name() : path_of(*parent) + " " + command.get_name();
}

// The command that the arguments have reached.
const CLI::App* parsed_command(const CLI::App& app) {
    for (const auto* each : app.get_subcommands())
        if (!each->get_name().empty())
            return parsed_command(*each);
    return &app;
}

// The first command below `app` that has the option; null when none has.
const CLI::App* find_command_with(const CLI::App& app, const std::string& option) {
    for (const auto* each : app.get_subcommands({})) {
        if (each->get_name().empty())
            continue;
        if (each->get_option_no_throw(option) != nullptr)
            return each;
        if (const auto* below = find_command_with(*each, option))
            return below;
    }
    return nullptr;
}

} // namespace

App::App(const std::string& tool, const std::string& description) : CLI::App{description, tool} {
    fallthrough();
    require_subcommand(0, 1);
    formatter(std::make_shared<HelpFormatter>());
    set_version_flag("--version", tool + " " + pbx::version)->group(general_group);
    set_help_flag("-h,--help", "Print this help and exit")->group(general_group);
    add_flag("-q,--quiet", quiet_, "Print errors only")->group(general_group);
    add_flag("-v,--verbose", verbose_, "Print what is done and why")->group(general_group);

    const char* named = std::getenv("PBX_CONFIG");
    const bool given = named != nullptr && *named != '\0';
    std::error_code ignored;
    const bool must = given || std::filesystem::exists(default_config, ignored);
    set_config("--config", given ? named : default_config, "Configuration file, see pbx.conf(5)")
        ->required(must)
        ->group(general_group)
        ->type_name("FILE")
        // Called for the default too, before CLI11 opens the file.
        ->check([this](const std::string& path) {
            read_config(path);
            return std::string{};
        });
    config_formatter(std::make_shared<ConfigReader>(*this, config_, config_path_));
    allow_config_extras(CLI::config_extras_mode::error);
}

void App::read_config(const std::string& path) {
    constexpr std::size_t most = 1U << 20U;
    if (config_error_ || ignore_config_)
        return; // CLI11 checks it again before it prints --help
    try {
        config_path_ = path;
        config_ = parse_config(read_trusted(path, most).value_or(""), path);
    } catch (const Error& error) {
        config_error_ = error;
        // CLI11 handles --help and --version before it raises this.
        throw CLI::FileError{path};
    }
}

std::string App::config_file() const {
    std::error_code failed;
    return std::filesystem::exists(config_path_, failed) ? config_path_ : std::string{};
}

CLI::Option* App::add_setting(const std::string& flag, const std::string& variable, std::string& value,
                              const std::string& description) {
    return add_option(flag, value, description)->envname(variable)->group(settings_group);
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): called on the application, like its siblings
CLI::Option* App::add_duration(CLI::App& where, const std::string& flag, std::chrono::seconds& value,
                               const std::string& description) {
    return where
        .add_option_function<std::string>(
            flag, [&value, flag](const std::string& text) { value = duration_of(flag, text); }, description)
        ->type_name("TIME");
}

CLI::Option* App::add_csv(CLI::App& where, bool& csv, bool& raw) {
    return where.add_flag("--csv", csv_, "Print CSV; --csv=raw does not disarm cells that a spreadsheet would run")
        ->check([](const std::string& form) {
            const bool fits = form == "true" || form == "false" || form == "raw";
            return fits ? std::string{} : "\"" + form + "\" is not a form of CSV: give --csv or --csv=raw";
        })
        ->each([&csv, &raw](const std::string& form) {
            raw = form == "raw";
            csv = raw || form == "true";
        });
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): called on the application, like its siblings
CLI::Option* App::add_span(CLI::App& where, const std::string& flag, std::chrono::seconds& value,
                           const std::string& description) {
    const auto take = [&value, flag](const std::string& text) {
        value = duration_of(flag, text);
        if (value.count() == 0)
            throw CLI::ValidationError{flag, "\"" + text + "\" is too short"};
    };
    return where.add_option_function<std::string>(flag, take, description)->type_name("TIME");
}

void App::add_timeout(std::chrono::seconds standard) {
    timeout_ = standard;
    // Every command ends at a deadline (guarantee 7), so 0 must not mean "never".
    add_span(*this, "--timeout", timeout_, fmt::format("Give up after this time (default {} s)", standard.count()));
}

void App::add_database(std::string& value) {
    add_setting("--database", "PBX_DATABASE", value, "Database, as a libpq connection string or postgresql:// URI")
        ->type_name("CONNINFO");
}

void App::add_spool(std::string& value) {
    add_setting("--spool", "PBX_SPOOL", value, "Folder that Asterisk records into")->type_name("DIR");
}

void App::add_node(std::string& value) {
    add_setting("--node", "PBX_NODE", value, "This machine's name, where several share a database or an archive")
        ->type_name("NAME")
        ->check([](const std::string& name) {
            const bool fits = !name.empty() && name.size() <= 16 &&
                              name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string::npos;
            return fits ? std::string{} : "\"" + name + "\" is not 1 to 16 characters from a-z and 0-9";
        });
}

CLI::Option* App::add_metrics(std::string& value) {
    return add_option("--metrics", value, "Add the run's numbers to FILE, for Prometheus' textfile collector")
        ->type_name("FILE");
}

void App::add_pager() {
    has_pager_ = true;
    add_flag("--no-pager", no_pager_, "Never show a report in a pager")->group(general_group);
}

void App::add_emergency(std::vector<std::string>& value) {
    add_option_function<std::vector<std::string>>(
        "--emergency",
        [&value](const std::vector<std::string>& texts) {
            value.clear();
            for (const auto& text : texts)
                for (std::size_t at = 0; at <= text.size();) {
                    const auto end = std::min(text.find_first_of(" ,", at), text.size());
                    const auto number = text.substr(at, end - at);
                    at = end + 1;
                    if (number.size() > 32 || number.find_first_not_of("0123456789") != std::string::npos)
                        throw CLI::ValidationError{"--emergency",
                                                   "\"" + number + "\" is not a number of 1 to 32 digits"};
                    if (!number.empty())
                        value.push_back(number);
                }
        },
        "Emergency numbers, which no row can claim or change (default 112 911 999 000 110 118)")
        ->type_name("NUMBERS")
        ->allow_extra_args(false);
}

void App::refuse_with(const CLI::App* command, std::vector<const CLI::Option*> options) {
    auto way = command->get_name();
    for (const auto* group = command->get_parent(); group != nullptr; group = group->get_parent())
        way.insert(0, group->get_name() + " ");
    unused_.push_back({[command] { return command->parsed(); }, std::move(way), std::move(options)});
}

void App::refuse_with(const CLI::Option* option, std::vector<const CLI::Option*> options) {
    unused_.push_back({[option] { return option->count() > 0; },
                       get_name() + " with " + option->get_name(option->get_positional()), std::move(options)});
}

void App::add_examples(const std::vector<std::string>& commands) {
    footer(examples_text(commands));
}

void App::after_parsing(std::function<void()> action) {
    after_parsing_.push_back(std::move(action));
}

std::optional<std::string> App::answer_instead(int argc, const char* const* argv) {
    // The build calls this before anything that the tool requires exists.
    constexpr std::string_view generate = "--generate-completion=";
    if (argc == 2 && std::string_view{argv[1]}.starts_with(generate))
        if (auto script = completion_script(*this, argv[1] + generate.size()))
            return script;
    if (argc == 3 && std::string_view{argv[1]} == "--complete-values" && print_values_) {
        complete_values(argv[2], argv);
        return "";
    }
    // With this, pbx-check asks whether the tool accepts the configuration file.
    if (argc == 2 && std::string_view{argv[1]} == "--check-configuration") {
        try {
            parse_or_answer(1, argv);
        } catch (const Error& error) {
            // The tool may require arguments, which are missing here.
            if (error.status() != Exit::usage)
                throw;
        }
        return "";
    }
    return parse_or_answer(argc, argv);
}

void App::complete_values(const char* kind, const char* const* argv) {
    constexpr std::chrono::seconds patience{3};
    try {
        parse_or_answer(1, argv);
        arm_watchdog(patience);
        print_values_(kind);
    } catch (const Error&) {
        // A message would stand in the middle of the line that the operator types.
    }
}

std::optional<std::string> App::parse_or_answer(int argc, const char* const* argv) {
    try {
        parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return help();
    } catch (const CLI::CallForAllHelp&) {
        return help("", CLI::AppFormatMode::All);
    } catch (const CLI::CallForVersion& request) {
        return std::string{request.what()} + "\n";
    } catch (const CLI::FileError& error) {
        if (config_error_)
            throw Error{*config_error_};
        throw Error{Exit::config, std::string{"cannot read the configuration: "} + error.what(),
                    "see --config, $PBX_CONFIG and pbx.conf(5)"};
    } catch (const CLI::ConfigError& error) {
        throw Error{Exit::config, config_path_ + ": " + error.what(), config_hint};
    } catch (const CLI::ExtrasError& error) {
        throw unexpected_argument(error);
    } catch (const CLI::ParseError& error) {
        if (const auto* line = find_faulty_line(*this, config_, argc, argv, error.what()))
            throw Error{Exit::config, fmt::format("{}:{}: {}", config_path_, line->number, error.what()), config_hint};
        throw Error{Exit::usage, error.what(), "try " + get_name() + " --help"};
    }
    return std::nullopt;
}

Error App::unexpected_argument(const CLI::ExtrasError& error) const {
    const auto* command = parsed_command(*this);
    auto known = option_names(*this);
    for (const auto* each = command; each != this; each = each->get_parent())
        for (auto& name : option_names(*each))
            known.push_back(std::move(name));
    const auto hint = "try " + path_of(*command) + " --help";
    for (const auto& argument : remaining(true))
        if (argument.starts_with("--")) {
            const auto option = argument.substr(0, argument.find('='));
            const bool is_early = command != this && command->get_option_no_throw(option) != nullptr;
            if (const auto* owner = is_early ? command : find_command_with(*command, option))
                return {Exit::usage, option + " belongs after the command", "try " + path_of(*owner) + " " + option};
            for (auto& each : known)
                each.insert(0, each.starts_with("--") ? "" : "--");
            return {Exit::usage, "unknown option " + shown(option), with_suggestion(option, known, hint)};
        }
    return {Exit::usage, error.what(), hint};
}

Exit App::parse_and_work(int argc, const char* const* argv, const std::function<Exit()>& work) {
    log::begin(get_name(), log::Level::normal);
    std::optional<Error> bad;
    try {
        if (const auto text = answer_instead(argc, argv)) {
            output::write(*text);
            return Exit::ok;
        }
        refuse_unused(unused_, argc, argv);
        for (const auto& action : after_parsing_)
            action();
    } catch (const Error& error) {
        const auto variable = find_faulty_variable(*this, argc, argv, error.what());
        // Without arguments, what is wrong stands in the environment.
        if (!on_bad_configuration_ || (error.status() == Exit::usage && argc > 1 && variable.empty()))
            throw;
        bad = variable.empty() ? error : Error{error.status(), variable + ": " + error.what(), "correct " + variable};
        parse_without_config(argc, argv);
    }
    if (quiet_ || verbose_)
        log::begin(get_name(), quiet_ ? log::Level::quiet : log::Level::verbose);
    if (timeout_.count() > 0)
        arm_watchdog(timeout_);
    pager::allow(has_pager_ && !no_pager_);
    return bad ? on_bad_configuration_(*bad) : work();
}

// The command line says how to report what is wrong with the file or the environment.
void App::parse_without_config(int argc, const char* const* argv) {
    ignore_config_ = true;
    config_.clear();
    for (auto* option : get_options())
        option->envname("");
    try {
        parse(argc, argv);
    } catch (const CLI::ParseError&) {
        // CLI11 complains about the file again, after it has taken the options.
    }
}

namespace {

// Runs `work`, and turns its exceptions into a message and the exit status of the contract. ReaderGone gives
// `without_reader`.
Exit guarded(const std::function<Exit()>& work, Exit without_reader) {
    try {
        return work();
    } catch (const ReaderGone&) {
        return without_reader;
    } catch (const std::exception& exception) {
        const auto error = as_error(exception);
        // end_if_interrupted() reports the interruption; one message is enough.
        if (interrupt::signal() == 0 || error.status() != Exit::temporary)
            log::error(error);
        return error.status();
    }
}

void end_if_interrupted() {
    const int number = interrupt::signal();
    if (number == 0)
        return;
    log::error({Exit::temporary, std::string{"interrupted by SIG"} + ::sigabbrev_np(number)});
    interrupt::end();
}

} // namespace

int App::run(int argc, const char* const* argv, const std::function<Exit()>& work) {
    // When the reader of stdout goes away, write() fails with EPIPE, which we do not treat as an error.
    static_cast<void>(::signal(SIGPIPE, SIG_IGN));
    // At a file-size limit (ulimit -f), write() fails with EFBIG and we print a message.
    static_cast<void>(::signal(SIGXFSZ, SIG_IGN));
    interrupt::watch();
    const auto status = guarded([&] { return parse_and_work(argc, argv, work); }, Exit::ok);
    // Flush after an error too: the reader gets the rows that were printed before it.
    const auto written = guarded(
        [] {
            output::flush();
            return Exit::ok;
        },
        Exit::ok);
    pager::end();
    end_if_interrupted();
    return static_cast<int>(worst(status, written));
}

} // namespace pbx::cli
