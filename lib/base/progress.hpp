// How far a long piece of work is, on one line of the terminal.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace pbx {

/// From a second after its construction until its end the line
/// "tool: uploading legs: 12 of 60 files, 3.1 of 80.2 MB, 1.2 MB/s, 1:04 left" is redrawn in place on stderr, a few
/// times a second. All of it does nothing, and costs nothing, where stderr is no terminal or -q was given. Of several
/// that live at once only the youngest is drawn. Made and ended by the main thread; counted from any.
class Progress {
  public:
    /// `unit` is what is counted: "files"; empty when only bytes are. Not `show`: as if nobody looked.
    Progress(std::string doing, std::string unit, bool show = true);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Whether anybody looks: numbers that cost something are got only then.
    static bool wanted();
    /// The one that is drawn, if any.
    static Progress* youngest();

    void doing(const std::string& what);
    /// What all of it will be; 0: not known.
    void expect(std::uint64_t count, std::uint64_t bytes);
    void add(std::uint64_t count, std::uint64_t bytes);
    /// What a child program is at, beside all that add() was told; the next add() says what came of it.
    void under_way(std::uint64_t count, std::uint64_t bytes, double bytes_a_second);

    /// Numbers of one moment, and how they read.
    struct Numbers {
        std::string doing, unit;
        std::uint64_t count = 0, all = 0, bytes = 0, all_bytes = 0;
        double rate = 0;                          ///< bytes in a second
        std::chrono::duration<double> elapsed{0}; ///< since the beginning
    };
    static std::string text(const Numbers& numbers);

  private:
    Numbers now() const;
    void draw();

    bool shown_;
    Progress* elder_ = nullptr;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    mutable std::mutex guard_;
    Numbers done_;
    Numbers child_;
    std::condition_variable_any over_;
    std::jthread drawing_; // last: what it uses must be there before and after it
};

} // namespace pbx
