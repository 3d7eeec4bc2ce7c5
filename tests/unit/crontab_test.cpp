// Lines of /etc/cron.d, and what cron refuses.
#include "catch.hpp"
#include "check/crontab.hpp"
#include "temporary_folder.hpp"

#include <unistd.h>

using namespace pbx::check;

TEST_CASE("jobs of a crontab have hours, a user and a command; variables and comments are none") {
    const auto jobs = jobs_in("# 0 * * * * asterisk commented\nSHELL=/bin/sh\nPATH = /usr/bin\n\n"
                              "0 * * * * asterisk pbx-calls import x; pbx-stitch\n"
                              "\t*/5 1-3,7 * jan mon-fri  root\tpbx-check -q\n"
                              "@hourly nobody pbx-archive\n"
                              "@reboot root x\n"
                              "1 2 3\n");
    REQUIRE(jobs.size() == 4);
    CHECK(jobs[0].hours == "*");
    CHECK(jobs[0].user == "asterisk");
    CHECK(jobs[0].command == " pbx-calls import x; pbx-stitch");
    CHECK(jobs[1].hours == "1-3,7");
    CHECK(jobs[1].user == "root");
    CHECK(jobs[2].hours == "*");
    CHECK(jobs[2].user == "nobody");
    CHECK(jobs[3].hours == "@reboot");
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
        CHECK(fault("pbx-1_A", "x\n").empty());
        CHECK(fault("pbx-1_A", "x") == "its last line does not end with a line break");
    }
}
