// The file for monitoring: counters grow from run to run, and other tools' lines are kept.
#include "base/fd.hpp"
#include "catch.hpp"
#include "recording/metrics.hpp"
#include "recording/metrics_run.hpp"
#include "temporary_folder.hpp"

#include <chrono>
#include <new>
#include <stdexcept>
#include <system_error>

using pbx::Exit;
using pbx::recording::Metrics;
using pbx::recording::with_metrics;

namespace {

using seconds = std::chrono::duration<double>;

std::chrono::sys_seconds at(int time) {
    return std::chrono::sys_seconds{std::chrono::seconds{time}};
}

const Metrics::Counters counters{{"legs_moved", "Legs."}};

} // namespace

TEST_CASE("counters continue from where the last run left them") {
    Metrics first{counters};
    first.add("legs_moved", 3);
    first.add_failure(Exit::data);
    const auto before = first.text("", "archive", Exit::data, seconds{1.5}, at(1000));
    CHECK_THAT(before,
               ContainsSubstring("# TYPE pbx_archive_legs_moved_total counter\npbx_archive_legs_moved_total 3\n"));
    CHECK_THAT(before, ContainsSubstring("pbx_archive_failures_total{kind=\"unreadable\"} 1\n"));
    CHECK_THAT(before, ContainsSubstring("pbx_archive_last_success_timestamp_seconds 0\n"));

    Metrics second{counters};
    second.add("legs_moved", 4);
    const auto after = second.text(before, "archive", Exit::ok, seconds{0.25}, at(2000));
    CHECK_THAT(after, ContainsSubstring("pbx_archive_runs_total 2\n"));
    CHECK_THAT(after, ContainsSubstring("pbx_archive_legs_moved_total 7\n"));
    CHECK_THAT(after, ContainsSubstring("pbx_archive_failures_total{kind=\"unreadable\"} 1\n"));
    CHECK_THAT(after, ContainsSubstring("pbx_archive_last_run_seconds 0.250\n"));
    CHECK_THAT(after, ContainsSubstring("pbx_archive_last_success_timestamp_seconds 2000\n"));
}

TEST_CASE("a run that failed keeps the time of the last success") {
    const auto good = Metrics{counters}.text("", "archive", Exit::ok, seconds{1}, at(1000));
    const auto bad = Metrics{counters}.text(good, "archive", Exit::unavailable, seconds{1}, at(2000));
    CHECK_THAT(bad, ContainsSubstring("pbx_archive_last_success_timestamp_seconds 1000\n"));
    CHECK_THAT(bad, ContainsSubstring("pbx_archive_last_run_exit_status 69\n"));
}

TEST_CASE("a run that counted nothing keeps what was counted") {
    Metrics first{counters};
    first.add("legs_moved", 3);
    const auto after = Metrics{counters}.text(first.text("", "archive", Exit::ok, seconds{1}, at(1000)), "archive",
                                              Exit::io, seconds{1}, at(2000));
    CHECK_THAT(after, ContainsSubstring("pbx_archive_legs_moved_total 3\n"));
}

TEST_CASE("two tools share a file, and lines that are not numbers of ours are ignored") {
    const auto stitch = Metrics{counters}.text("", "stitch", Exit::ok, seconds{1}, at(1000));
    const auto both = Metrics{counters}.text(stitch + "pbx_archive_runs_total rubbish\npbx_archive_\n", "archive",
                                             Exit::ok, seconds{1}, at(2000));
    CHECK(both.substr(0, stitch.size()) == stitch);
    CHECK_THAT(both, ContainsSubstring("pbx_archive_runs_total 1\n"));
}

TEST_CASE("lines that are not metrics are removed") {
    const std::string good = "# HELP other_total What it counts: anything.\n"
                             "# TYPE other_total counter\n"
                             "other_total 5\n"
                             "other_total{kind=\"a\\\"b\\\\\",zone=\"}\"} 1.5e-3 1700000000000\n"
                             "other:rate +Inf\n";
    const std::string bad = "password=hunter2\n"
                            "root:$6$salt$hash:19000:0:99999:7:::\n"
                            "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                            "# a comment\n"
                            "other_total five\n"
                            "other_total{kind=a} 1\n"
                            "other_total{kind=\"a} 1\n"
                            "other_total{kind=\"a\\\n"
                            "5 other_total\n"
                            "other_total 1 2 3\n"
                            "# TYPE other_total counter too\n";
    const auto after = Metrics{counters}.text(good + bad, "archive", Exit::ok, seconds{1}, at(1000));
    CHECK(after.substr(0, good.size()) == good);
    CHECK(after == Metrics{counters}.text(good, "archive", Exit::ok, seconds{1}, at(1000)));
}

TEST_CASE("a run that ends in an exception of any kind leaves its metrics with the failure and what it had done") {
    const TemporaryFolder folder;
    const auto file = (folder.path() / "pbx.prom").native();
    const auto text_after = [&](const auto& exception) {
        CHECK_THROWS(with_metrics({file, "archive", std::chrono::seconds{60}}, counters, [&](Metrics& metrics) -> Exit {
            metrics.add("legs_moved", 2);
            throw exception;
        }));
        return pbx::read_file(file);
    };
    const auto first = text_after(pbx::Error{Exit::config, "x"});
    CHECK_THAT(first, ContainsSubstring("pbx_archive_last_run_exit_status 78\n"));
    CHECK_THAT(first, ContainsSubstring("pbx_archive_failures_total{kind=\"configuration\"} 1\n"));
    CHECK_THAT(text_after(std::runtime_error{"x"}), ContainsSubstring("pbx_archive_last_run_exit_status 70\n"));
    CHECK_THAT(text_after(std::bad_alloc{}), ContainsSubstring("pbx_archive_last_run_exit_status 75\n"));
    const auto last = text_after(std::system_error{EACCES, std::generic_category()});
    CHECK_THAT(last, ContainsSubstring("pbx_archive_last_run_exit_status 77\n"));
    CHECK_THAT(last, ContainsSubstring("pbx_archive_runs_total 4\n"));
    CHECK_THAT(last, ContainsSubstring("pbx_archive_legs_moved_total 8\n"));
    CHECK_THAT(last, ContainsSubstring("pbx_archive_last_success_timestamp_seconds 0\n"));
}
