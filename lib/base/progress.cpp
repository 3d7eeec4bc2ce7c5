// A separate thread draws, so that workers only count, and the line stays current while a remote is silent.
#include "base/progress.hpp"

#include "base/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <system_error>
#include <utility>

namespace pbx {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 1s;
constexpr auto interval = 200ms;

std::atomic<Progress*> drawn{nullptr};

// The unit fits the larger one: "3.1 of 80.2 MB", "12 of 60 kB".
std::string amount(double bytes, double all) {
    constexpr double mega = 1e6;
    const bool large = std::max(bytes, all) >= mega;
    const auto shown = [&](double count) {
        return fmt::format("{:.{}f}", count / (large ? mega : 1e3), large ? 1 : 0);
    };
    return shown(bytes) + (all > 0 ? " of " + shown(all) : "") + (large ? " MB" : " kB");
}

// "0:07", "12:00", "3:04:05"
std::string clock(double seconds) {
    const auto all = static_cast<std::uint64_t>(std::ceil(seconds));
    const auto minutes = all / 60;
    return minutes < 60 ? fmt::format("{}:{:02}", minutes, all % 60)
                        : fmt::format("{}:{:02}:{:02}", minutes / 60, minutes % 60, all % 60);
}

// Estimates by bytes where their total is known, else by the count; empty while there is no basis.
std::string left(const Progress::Numbers& numbers) {
    double seconds = 0;
    if (numbers.all_bytes > 0 && numbers.rate > 0)
        seconds = static_cast<double>(numbers.all_bytes - numbers.bytes) / numbers.rate;
    else if (numbers.all_bytes == 0 && numbers.all > 0 && numbers.count > 0)
        seconds = numbers.elapsed.count() * static_cast<double>(numbers.all - numbers.count) /
                  static_cast<double>(numbers.count);
    constexpr double longest = 100 * 3600; // a longer estimate is useless
    return seconds <= 0 || seconds > longest ? "" : ", " + clock(seconds) + " left";
}

} // namespace

std::string Progress::text(const Numbers& numbers) {
    std::string result = numbers.doing + ":";
    if (!numbers.unit.empty()) {
        result += fmt::format(" {}", numbers.count);
        if (numbers.all > 0)
            result += fmt::format(" of {}", numbers.all);
        result += " " + numbers.unit;
    }
    if (numbers.bytes > 0 || numbers.all_bytes > 0) {
        result += numbers.unit.empty() ? " " : ", ";
        result += amount(static_cast<double>(numbers.bytes), static_cast<double>(numbers.all_bytes));
        if (numbers.rate > 0)
            result += ", " + amount(numbers.rate, 0) + "/s";
    }
    return result + left(numbers);
}

bool Progress::wanted() {
    return log::level() != log::Level::quiet && ::isatty(STDERR_FILENO) == 1;
}

Progress* Progress::youngest() {
    return drawn.load();
}

Progress::Progress(std::string doing, std::string unit, bool show) : shown_{show && wanted()} {
    if (!shown_)
        return;
    done_.doing = std::move(doing);
    done_.unit = std::move(unit);
    try {
        drawing_ = std::jthread{[this](const std::stop_token& stop) { keep_drawing(stop); }};
    } catch (const std::system_error&) {
        // The system allows no more threads, and the work needs none for this line.
        shown_ = false;
        return;
    }
    elder_ = drawn.exchange(this);
}

Progress::~Progress() {
    if (!shown_)
        return;
    drawing_.request_stop();
    drawing_.join();
    drawn = elder_;
    log::draw({});
}

void Progress::doing(const std::string& what) {
    const std::lock_guard lock{guard_};
    done_.doing = what;
}

void Progress::expect(std::uint64_t count, std::uint64_t bytes) {
    const std::lock_guard lock{guard_};
    done_.all = count;
    done_.all_bytes = bytes;
}

void Progress::add(std::uint64_t count, std::uint64_t bytes) {
    if (!shown_)
        return;
    const std::lock_guard lock{guard_};
    done_.count += count;
    done_.bytes += bytes;
    child_ = {};
}

void Progress::under_way(std::uint64_t count, std::uint64_t bytes, double bytes_a_second) {
    const std::lock_guard lock{guard_};
    child_.count = std::max(child_.count, count);
    child_.bytes = std::max(child_.bytes, bytes);
    child_.rate = bytes_a_second;
}

// The expected numbers are estimates: files come and go meanwhile.
Progress::Numbers Progress::now() const {
    auto numbers = done_;
    numbers.elapsed = std::chrono::steady_clock::now() - began_;
    numbers.count += child_.count;
    numbers.bytes += child_.bytes;
    numbers.rate = child_.rate > 0 ? child_.rate : static_cast<double>(numbers.bytes) / numbers.elapsed.count();
    if (numbers.all > 0)
        numbers.all = std::max(numbers.all, numbers.count);
    if (numbers.all_bytes > 0)
        numbers.all_bytes = std::max(numbers.all_bytes, numbers.bytes);
    return numbers;
}

void Progress::keep_drawing(const std::stop_token& stop) {
    std::unique_lock lock{guard_};
    over_.wait_for(lock, stop, patience, [] { return false; });
    while (!stop.stop_requested()) {
        try {
            draw();
        } catch (const std::bad_alloc&) {
            return; // the work itself reports it, if it needs the memory too
        }
        over_.wait_for(lock, stop, interval, [] { return false; });
    }
}

void Progress::draw() {
    if (drawn == this)
        log::draw(text(now()));
}

} // namespace pbx
