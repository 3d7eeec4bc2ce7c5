// Each area is a process of its own: a database, a disk or an Asterisk that hangs affects only its area.
#include "check/check.hpp"

#include "base/apart.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/output.hpp"
#include "base/user.hpp"
#include "check/areas.hpp"
#include "check/report.hpp"
#include "recording/metrics_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <optional>

namespace pbx::check {

namespace {

std::string look_at(const Area& area, const CheckOptions& options, const Deadline& deadline) {
    // What the library logs for an operator elsewhere is a finding here.
    if (log::level() != log::Level::verbose)
        log::begin(log::tool(), log::Level::quiet);
    Findings findings;
    try {
        if (area.as_owner) {
            become_owner_of(options.places.spool);
            end_with_parent();
        }
        area.check(options, deadline, findings);
    } catch (const std::exception& exception) {
        findings.fail(as_error(exception));
    }
    return findings.pack();
}

class AreaRun {
  public:
    AreaRun(const Area& area, const CheckOptions& options, const Deadline& deadline) : name_{area.name} {
        try {
            process_.emplace([&] { return look_at(area, options, deadline); });
        } catch (const Error& error) {
            not_started_ = error;
        }
    }

    bool has_started() const { return process_.has_value(); }

    AreaReport report(const Deadline& patience, std::chrono::seconds timeout) {
        AreaReport report{name_, {}};
        if (not_started_)
            report.findings.fail(*not_started_);
        else if (const auto text = process_->result(patience))
            report.findings = Findings::unpack(*text);
        else if (patience.passed())
            report.findings.fail(fmt::format("not checked: no answer in {} s", timeout.count()),
                                 "look for what hangs; --timeout gives it more time");
        else
            report.findings.fail("not checked: its process ended", "this is a bug, please report it");
        return report;
    }

  private:
    std::string name_;
    std::optional<Apart> process_;
    std::optional<Error> not_started_;
};

Form form_of(const CheckOptions& options) {
    if (options.json)
        return Form::json;
    return log::level() == log::Level::quiet ? Form::bad : Form::lines;
}

Exit exit_of(State state) {
    return state == State::ok ? Exit::ok : state == State::warning ? exit_warning : exit_failure;
}

void record(const Report& report, recording::Metrics& metrics) {
    for (const auto& each : report) {
        metrics.set("state", "The worst finding of an area: 0 ok, 1 a warning, 2 a failure.",
                    static_cast<int>(each.findings.worst()), fmt::format("area=\"{}\"", each.area));
        for (const auto& gauge : each.findings.gauges())
            metrics.set(gauge.name, gauge.help, gauge.value, gauge.labels);
    }
}

Exit finish(const CheckOptions& options, const std::function<Report()>& look) {
    auto result = Exit::ok;
    const auto status =
        recording::with_metrics({options.metrics, "check", options.timeout}, {}, [&](recording::Metrics& metrics) {
            const auto report = look();
            interrupt::check();
            record(report, metrics);
            print(report, form_of(options));
            result = exit_of(worst(report));
            return result;
        });
    // Metrics that cannot be written must not hide what was found.
    return status == result ? result : std::max(result, exit_warning);
}

// A monitoring system has a status of its own for "nothing is known".
Exit or_unknown(const std::function<Exit()>& work) {
    try {
        return work();
    } catch (const Error& error) {
        if (interrupt::signal() != 0)
            throw;
        log::error(error);
        return exit_unknown;
    }
}

} // namespace

Exit check(const CheckOptions& options) {
    // The status is right also when nobody reads the report to its end.
    output::go_on_without_reader();
    return or_unknown([&] {
        // What an area waits for ends before we give the area up, so that it can report the reason.
        const std::chrono::milliseconds timeout{options.timeout};
        const auto deadline = Deadline::of_run(timeout * 4 / 5);
        const auto patience = Deadline::of_run(timeout);
        // Processes begin before the first thread, which with_metrics() may start.
        std::vector<AreaRun> runs;
        runs.reserve(areas.size());
        for (const auto& area : areas)
            runs.emplace_back(area, options, deadline);
        if (std::none_of(runs.begin(), runs.end(), [](const AreaRun& run) { return run.has_started(); }))
            throw Error{Exit::temporary, "nothing was checked: no process can be started",
                        "raise the limit on processes (ulimit -u), or try again"};
        return finish(options, [&] {
            Report report;
            for (auto& run : runs)
                report.push_back(run.report(patience, options.timeout));
            return report;
        });
    });
}

Exit report_bad_configuration(const CheckOptions& options, const Error& fault) {
    return or_unknown([&] {
        return finish(options, [&] {
            AreaReport report{"configuration", {}};
            report.findings.fail(fault.what(), fault.hint().empty() ? "see pbx.conf(5)" : fault.hint());
            report.findings.warn("nothing else was checked, since the settings are not known",
                                 "correct the configuration, then run pbx-check again");
            return Report{std::move(report)};
        });
    });
}

} // namespace pbx::check
