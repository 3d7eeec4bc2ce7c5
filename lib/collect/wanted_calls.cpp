#include "collect/wanted_calls.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/lines.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>

namespace pbx::collect {

namespace {

constexpr std::size_t longest_name = 1024;

std::string_view without_blanks(std::string_view line) {
    constexpr std::string_view blanks = " \t\r";
    const auto begin = line.find_first_not_of(blanks);
    return begin == std::string_view::npos ? std::string_view{}
                                           : line.substr(begin, line.find_last_not_of(blanks) - begin + 1);
}

// Each name once, in the order in which they were first given.
class Names {
  public:
    void add(std::string_view name) {
        if (name.size() > longest_name)
            throw Error{Exit::usage, "the name of a call is longer than 1024 bytes",
                        "name each call on a line of its own, by its linkedid, uniqueid or CDR id"};
        if (!name.empty() && seen_.insert(std::string{name}).second)
            list_.emplace_back(name);
    }
    std::vector<std::string> take() { return std::move(list_); }

  private:
    std::set<std::string> seen_;
    std::vector<std::string> list_;
};

void read_lines(int fd, Names& names) {
    std::array<char, 65536> buffer{};
    std::string text;
    for (;;) {
        const auto got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw system_error(Exit::io, "cannot read the names of calls from stdin", errno);
        if (got == 0)
            break;
        text.append(buffer.data(), static_cast<std::size_t>(got));
        const auto complete = take_complete_lines(text);
        for (const auto line : Lines{complete})
            names.add(without_blanks(line));
        if (text.size() > longest_name)
            names.add(text);
    }
    names.add(without_blanks(text));
}

} // namespace

std::vector<std::string> read_wanted_calls(const std::vector<std::string>& arguments) {
    if (std::all_of(arguments.begin(), arguments.end(), [](const std::string& each) { return each.empty(); }))
        throw Error{Exit::usage, "no call is named", "name calls, or give - and their names on stdin"};
    Names names;
    for (const auto& argument : arguments) {
        if (argument == "-")
            read_lines(STDIN_FILENO, names);
        else
            names.add(argument);
    }
    return names.take();
}

std::string only_call(const std::vector<std::string>& arguments) {
    if (arguments.size() > 1)
        throw Error{Exit::usage, "several calls are named", "fetch them into a folder with --to DIR"};
    return arguments.empty() ? std::string{} : arguments.front();
}

} // namespace pbx::collect
