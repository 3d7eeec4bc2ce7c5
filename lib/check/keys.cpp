// Files with passwords and keys that others must not read, and certificates that expire.
#include "base/certificate.hpp"
#include "base/fd.hpp"
#include "base/identity.hpp"
#include "base/lines.hpp"
#include "base/moment.hpp"
#include "check/areas.hpp"
#include "db/server.hpp"
#include "listening/link_keys.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

namespace pbx::check {

namespace {

constexpr std::chrono::hours soon{21 * 24};

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string{} : value;
}

// Adds what is wrong with a secret file at `path`. Returns whether it can be read.
bool check_secret(const std::string& path, const std::string& what, Findings& findings) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK) != 0) {
        findings.fail(system_error(
            Exit::io, fmt::format("{} {} cannot be read by {}", what, path, account_name(::geteuid())), errno));
        return false;
    }
    if ((status.st_mode & S_IROTH) != 0)
        findings.warn(fmt::format("everybody can read {} {}", what, path), "chmod o-r " + path);
    return true;
}

bool has_secret(std::string_view text) {
    constexpr std::array<std::string_view, 4> words{"password", "secret", "access_key", "token"};
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// rclone's own rule: https://rclone.org/docs/#config-config-file
std::string rclone_config() {
    if (auto named = environment("RCLONE_CONFIG"); !named.empty())
        return named;
    const auto home = environment("HOME");
    const auto base = environment("XDG_CONFIG_HOME");
    return (base.empty() ? home + "/.config" : base) + "/rclone/rclone.conf";
}

// The key files that the section of `remote` names.
std::vector<std::string> key_files(const std::string& config, const std::string& remote) {
    const auto section = "[" + remote.substr(0, remote.find_first_of(":,")) + "]";
    std::vector<std::string> files;
    bool own = false;
    for (const auto line : Lines{config}) {
        if (line.starts_with('['))
            own = line.starts_with(section);
        const auto slash = line.find("= /");
        if (!own || slash == std::string_view::npos)
            continue;
        const auto name = line.substr(0, line.find_first_of(" ="));
        if (name == "service_account_file" || name == "key_file")
            files.emplace_back(line.substr(slash + 2));
    }
    return files;
}

void check_rclone_keys(const CheckOptions& options, Findings& findings) {
    const auto path = rclone_config();
    if (options.places.remote.empty() || ::access(path.c_str(), F_OK) != 0 ||
        !check_secret(path, "rclone's configuration", findings))
        return;
    for (const auto& file : key_files(read_file(path), options.places.remote))
        check_secret(file, "the key", findings);
}

void check_certificate(const std::string& path, Findings& findings) {
    const auto expiry = certificate_expiry(read_file(path));
    const auto now = current_second();
    if (!expiry)
        findings.fail(path + " has no certificate in PEM form", "check sslcert and sslrootcert of the database");
    else if (*expiry < now)
        findings.fail(fmt::format("the certificate {} expired at {}", path, shown_time(*expiry)), "renew it");
    else if (*expiry < now + soon)
        findings.warn(fmt::format("the certificate {} expires at {}", path, shown_time(*expiry)), "renew it");
}

void check_database_keys(const CheckOptions& options, Findings& findings) {
    for (const auto& [parameter, path] : db::connection_files(options.database)) {
        if (parameter == "sslkey")
            check_secret(path, "the database's key", findings);
        else if (::access(path.c_str(), R_OK) != 0)
            findings.fail(system_error(Exit::io, "cannot read the database's certificate " + path, errno));
        else
            check_certificate(path, findings);
    }
}

// Reads the keys as the tools that sign and verify links do; those must run as the same user.
void check_link_keys(const CheckOptions& options, Findings& findings) {
    if (options.link_key.empty())
        return;
    try {
        static_cast<void>(listening::read_link_keys(options.link_key));
    } catch (const Error& error) {
        const auto hint = fmt::format("chown {0}: {1}; chmod 0600 {1}", account_name(::geteuid()), options.link_key);
        findings.fail(
            fmt::format("links can be neither signed nor verified by {}: {}", account_name(::geteuid()), error.what()),
            error.hint().empty() ? hint : error.hint());
    }
}

} // namespace

void check_keys(const CheckOptions& options, const Deadline& /*deadline*/, Findings& findings) {
    if (!options.config.empty() && ::access(options.config.c_str(), R_OK) == 0 && has_secret(read_file(options.config)))
        check_secret(options.config, "the passwords in", findings);
    check_rclone_keys(options, findings);
    check_database_keys(options, findings);
    check_link_keys(options, findings);
    if (findings.all().empty())
        findings.ok("passwords and keys are not open to everybody, and no certificate expires soon");
}

} // namespace pbx::check
