// Adapts CLI11's precedence to ours, and maps its exceptions to exit statuses.
#include "cli/app.hpp"

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/output.hpp"
#include "base/trust.hpp"
#include "cli/completion.hpp"

#include <version.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string_view>
#include <system_error>

namespace pbx::cli {

namespace {

constexpr const char* default_config = "/etc/pbx/pbx.conf";

// Settings that may be at the top of pbx.conf; a tool ignores those for which it has no option.
constexpr std::array shared_settings{"database",  "spool",   "stitched",      "stitch-src",   "remote",   "rclone",
                                     "timeout",   "overlap", "migrations",    "asterisk-dir", "metrics",  "node",
                                     "emergency", "reserve", "keep-stitched", "bandwidth",    "transfers"};

// CLI11 prefers the file to the environment, and treats sections as subcommands. This reader drops settings that the
// environment decides or another tool owns, and moves the tool's own section to the top.
class Config : public CLI::ConfigTOML {
  public:
    Config(const CLI::App& app, const std::optional<std::string>& content) : app_{app}, content_{content} {}

    // CLI11 opens the file again by its name. Ignore that: use the content that read_trusted() returned.
    std::vector<CLI::ConfigItem> from_config(std::istream& /*input*/) const override {
        std::istringstream input{content_.value_or("")};
        std::stringstream text{without_comments(input)};
        auto read = CLI::ConfigTOML::from_config(text);
        std::vector<CLI::ConfigItem> mine;
        for (auto& item : read)
            if (item.parents == std::vector<std::string>{app_.get_name()})
                mine.push_back(item);
        for (auto& item : read)
            if (item.parents.empty() && !defined(mine, item.name) && !foreign(item.name))
                mine.push_back(item);
        std::vector<CLI::ConfigItem> result;
        for (auto& item : mine) {
            item.parents.clear();
            if (item.name != "++" && item.name != "--" && !from_environment(item.name))
                result.push_back(item);
        }
        return result;
    }

  private:
    // CLI11 2.1 cuts a value at '#' even inside quotes; a password may have one. So only whole-line comments are
    // removed here, and a '#' inside quotes is refused instead of silently cutting the value.
    static std::string without_comments(std::istream& input) {
        std::string result;
        std::string line;
        int number = 0;
        while (std::getline(input, line)) {
            ++number;
            const auto begin = line.find_first_not_of(" \t");
            if (begin == std::string::npos || line[begin] == '#' || line[begin] == ';')
                continue;
            const auto hash = line.find('#');
            if (hash != std::string::npos &&
                std::count(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(hash), '"') % 2 == 1)
                throw CLI::ConfigError{fmt::format("line {}: '#' is not allowed inside a value of this file; in a "
                                                   "database URI write %23, or set the environment variable",
                                                   number)};
            result += line + '\n';
        }
        return result;
    }

    static bool defined(const std::vector<CLI::ConfigItem>& among, const std::string& name) {
        return std::any_of(among.begin(), among.end(), [&](const auto& item) { return item.name == name; });
    }

    bool foreign(const std::string& name) const {
        return app_.get_option_no_throw("--" + name) == nullptr &&
               std::find(shared_settings.begin(), shared_settings.end(), name) != shared_settings.end();
    }

    bool from_environment(const std::string& name) const {
        const auto* option = app_.get_option_no_throw("--" + name);
        if (option == nullptr || option->get_envname().empty())
            return false;
        const char* value = std::getenv(option->get_envname().c_str());
        return value != nullptr && *value != '\0';
    }

    const CLI::App& app_;
    const std::optional<std::string>& content_;
};

} // namespace

App::App(const std::string& tool, const std::string& description) : CLI::App{description, tool} {
    fallthrough();
    set_version_flag("--version", tool + " " + pbx::version);
    set_help_flag("-h,--help", "Print this help and exit");
    add_flag("-q,--quiet", quiet_, "Print errors only");
    add_flag("-v,--verbose", verbose_, "Print what is done and why");

    const char* named = std::getenv("PBX_CONFIG");
    const bool given = named != nullptr && *named != '\0';
    std::error_code ignored;
    const bool must = given || std::filesystem::exists(default_config, ignored);
    set_config("--config", given ? named : default_config, "Configuration file, see pbx.conf(5)")
        ->required(must)
        ->type_name("FILE")
        // Called for the default too, before CLI11 opens the file.
        ->check([this](const std::string& path) {
            read_config(path);
            return std::string{};
        });
    config_formatter(std::make_shared<Config>(*this, config_text_));
    allow_config_extras(CLI::config_extras_mode::error);
}

void App::read_config(const std::string& path) {
    constexpr std::size_t most = 1U << 20U;
    if (config_error_)
        return; // CLI11 checks it again before it prints --help
    try {
        config_text_ = read_trusted(path, most);
    } catch (const Error& error) {
        config_error_ = error;
        // CLI11 handles --help and --version before it raises this.
        throw CLI::FileError{path};
    }
}

CLI::Option* App::add_setting(const std::string& flag, const std::string& variable, std::string& value,
                              const std::string& description) {
    return add_option(flag, value, description)->envname(variable);
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): called on the application, like its siblings
CLI::Option* App::add_duration(CLI::App& where, const std::string& flag, std::chrono::seconds& value,
                               const std::string& description) {
    return where
        .add_option_function<std::string>(
            flag,
            [&value, flag](const std::string& text) {
                try {
                    value = parse_duration(text);
                } catch (const Error& error) {
                    throw CLI::ValidationError{flag, error.what()};
                }
            },
            description)
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

void App::add_timeout(std::chrono::seconds standard) {
    timeout_ = standard;
    add_duration(*this, "--timeout", timeout_, fmt::format("Give up after this time (default {} s)", standard.count()))
        ->check([](const std::string& text) {
            // Every command ends at a deadline (guarantee 7), so 0 must not mean "never".
            return text.find_first_of("123456789") == std::string::npos ? std::string{"\"" + text + "\" is too short"}
                                                                        : std::string{};
        });
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

void App::add_metrics(std::string& value) {
    add_option("--metrics", value, "Add the run's numbers to FILE, for Prometheus' textfile collector")
        ->type_name("FILE");
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

void App::after_parsing(std::function<void()> action) {
    after_parsing_.push_back(std::move(action));
}

std::optional<std::string> App::answer_instead(int argc, const char* const* argv) {
    // The build calls this before anything that the tool requires exists.
    if (argc == 2 && std::string_view{argv[1]} == "--generate-completion")
        return bash_completion(*this);
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
        throw Error{Exit::config, std::string{"configuration file: "} + error.what(),
                    "pbx.conf(5) lists the settings; put those of one tool into its [" + get_name() + "] section"};
    } catch (const CLI::ParseError& error) {
        throw Error{Exit::usage, error.what(), "try " + get_name() + " --help"};
    }
    return std::nullopt;
}

Exit App::parse_and_work(int argc, const char* const* argv, const std::function<Exit()>& work) {
    log::begin(get_name(), log::Level::normal);
    if (const auto text = answer_instead(argc, argv)) {
        output::write(*text);
        return Exit::ok;
    }
    if (quiet_ || verbose_)
        log::begin(get_name(), quiet_ ? log::Level::quiet : log::Level::verbose);
    if (timeout_.count() > 0)
        arm_watchdog(timeout_);
    for (const auto& action : after_parsing_)
        action();
    return work();
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
    end_if_interrupted();
    return static_cast<int>(worst(status, written));
}

} // namespace pbx::cli
