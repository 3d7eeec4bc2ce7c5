// Shows the progress of long work on one line of the terminal.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace pbx {

/// Redraws the line "tool: uploading legs: 12 of 60 files, 3.1 of 80.2 MB, 1.2 MB/s, 1:04 left" on stderr a few times
/// per second, from one second after its construction until its destruction. It does nothing, and costs nothing, with
/// -q or when stderr is not a terminal. Of several at once only the newest is drawn. The main thread creates and
/// destroys it; any thread may count.
class Progress {
  public:
    /// `unit` is what is counted: "files"; empty when only bytes are counted. Without `show` nothing is drawn.
    Progress(std::string doing, std::string unit, bool show = true);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Whether progress is shown; callers compute expensive numbers only then.
    static bool wanted();
    /// The one that is drawn, if any.
    static Progress* youngest();

    void doing(const std::string& what);
    /// The expected totals; 0: not known.
    void expect(std::uint64_t count, std::uint64_t bytes);
    void add(std::uint64_t count, std::uint64_t bytes);
    /// What a child program has done so far, in addition to what add() counted. The next add() resets it.
    void under_way(std::uint64_t count, std::uint64_t bytes, double bytes_a_second);

    /// The numbers at one moment, and their text.
    struct Numbers {
        std::string doing, unit;
        std::uint64_t count = 0, all = 0, bytes = 0, all_bytes = 0;
        double rate = 0;                          ///< bytes per second
        std::chrono::duration<double> elapsed{0}; ///< since the beginning
    };
    static std::string text(const Numbers& numbers);

  private:
    Numbers now() const;
    void keep_drawing(const std::stop_token& stop);
    void draw();

    bool shown_;
    Progress* elder_ = nullptr;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    mutable std::mutex guard_;
    Numbers done_;
    Numbers child_;
    std::condition_variable_any over_;
    std::jthread drawing_; // last: the thread uses the members above
};

} // namespace pbx
