// Lines of /etc/cron.d, and what cron refuses.
#include "catch.hpp"
#include "check/crontab.hpp"
#include "temporary_folder.hpp"

#include <unistd.h>

using namespace pbx::check;

TEST_CASE("jobs of a crontab have times, a user and a command; variables and comments are none") {
    const auto jobs = jobs_in("# 0 * * * * asterisk commented\nSHELL=/bin/sh\nPATH = /usr/bin\n\n"
                              "0 * * * * asterisk pbx-calls import x; pbx-stitch\n"
                              "\t*/5 1-3,7 * jan mon-fri  root\tpbx-check -q\n"
                              "@hourly nobody pbx-archive\n"
                              "@reboot root x\n"
                              "1 2 3\n");
    REQUIRE(jobs.size() == 4);
    CHECK(jobs[0].is_hourly);
    CHECK(jobs[0].user == "asterisk");
    CHECK(jobs[0].command == " pbx-calls import x; pbx-stitch");
    CHECK_FALSE(jobs[1].is_hourly);
    CHECK(jobs[1].user == "root");
    CHECK(jobs[2].is_hourly);
    CHECK(jobs[2].user == "nobody");
    CHECK_FALSE(jobs[3].is_hourly);
}

TEST_CASE("a job is hourly when it runs in every hour of every day") {
    const auto is_hourly = [](const std::string& times) {
        const auto jobs = jobs_in(times + " root x\n");
        REQUIRE(jobs.size() == 1);
        return jobs[0].is_hourly;
    };
    for (const char* times :
         {"0 * * * *", "*/5 0-23 1-31 jan-DEC 1-7", "7 */1 * 1-6,7-12 0-6", "59 0-11,12-23 * * Sun,1-6"})
        CHECK(is_hourly(times));
    for (const char* times : {"0 0 31 2 *", "0 0 1 1 *", "0 */2 * * *", "0 1-23 * * *", "0 * * * mon-fri",
                              "0 * 1-30 * *", "0 * * 1-11 *", "0 0/1 * * *", "@daily"})
        CHECK_FALSE(is_hourly(times));
}

TEST_CASE("a line that cron cannot read is named") {
    if (::geteuid() != 0)
        return;
    const TemporaryFolder folder;
    const auto fault = [&](const std::string& line) {
        const auto text = "SHELL=/bin/sh\n \"A B\" = c d\n# 99\n\n" + line + "\n";
        return cron_fault(folder.write("pbx", text), text).text;
    };
    CHECK(fault("0 * * * * root x").empty());
    CHECK(fault("@daily root x").empty());
    CHECK(fault("99 * * * * root x") == "line 5: \"99\" is not a valid minute");
    CHECK(fault("0 24 * * * root x") == "line 5: \"24\" is not a valid hour");
    CHECK(fault("0 * 0 * * root x") == "line 5: \"0\" is not a valid day of the month");
    CHECK(fault("0 * * febr * root x") == "line 5: \"febr\" is not a valid month");
    CHECK(fault("0 * * * 5-1 root x") == "line 5: \"5-1\" is not a valid day of the week");
    CHECK(fault("@often root x") == "line 5: @often is not a time that cron knows");
    CHECK(fault("0 * * * * root") == "line 5: it has no user and command");
    for (const char* minutes : {"*/0", "1,", ",1", "1-", "-1", "1--2", "*5", "?", "jan", "0x1", "4294967296"})
        CHECK_FALSE(fault(std::string{minutes} + " * * * * root x").empty());
}

TEST_CASE("a run is the tool itself, and not a look at where it is or one of its other subcommands") {
    const char* line = "command -v pbx-archive >/dev/null || exit 0; pbx-calls import --missing-ok $CDR; "
                       "nice -n 10 /usr/bin/pbx-stitch";
    CHECK(starts_run(line, "pbx-calls import"));
    CHECK(starts_run(line, "pbx-stitch"));
    CHECK_FALSE(starts_run(line, "pbx-archive"));
    CHECK_FALSE(starts_run("pbx-archive -q verify --read 5\\%", "pbx-archive"));
    CHECK_FALSE(starts_run("pbx-archive audit; pbx-archive init", "pbx-archive"));
    CHECK_FALSE(starts_run("pbx-calls --since today", "pbx-calls import"));
    CHECK_FALSE(starts_run("my-pbx-stitch; pbx-stitch.old", "pbx-stitch"));
    CHECK_FALSE(starts_run("", "pbx-stitch"));
    CHECK(starts_run("pbx-archive audit; PBX_NODE=a pbx-archive -q", "pbx-archive"));
    CHECK(starts_run("[Service]\nExecStart=/bin/sh -c 'pbx-stitch; pbx-archive'\n", "pbx-archive"));
}

TEST_CASE("cron ignores a file for its name or its last line") {
    const TemporaryFolder folder;
    const auto fault = [&](const char* name, const char* content) {
        return cron_fault(folder.write(name, content), content).text;
    };
    CHECK(fault("pbx.cron", "x\n") == "its name has a character other than letters, digits, _ and -");
    if (::geteuid() == 0) {
        CHECK(fault("pbx-1_A", "# x\n").empty());
        CHECK(fault("pbx-1_A", "# x") == "its last line does not end with a line break");
    }
}
