#include "db/leg_naming.hpp"

#include "base/name.hpp"

#include <fmt/format.h>

#include <cctype>

namespace pbx::db {

namespace {

constexpr const char* day_pattern = "[0-9]{4}/[0-9]{2}/[0-9]{2}";

// The text as a regular expression that matches it alone. Bytes above 127 are parts of letters.
std::string as_pattern(const std::string& text) {
    std::string pattern;
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && static_cast<unsigned char>(c) < 0x80)
            pattern += '\\';
        pattern += c;
    }
    return pattern;
}

std::string as_literal(const std::string& text) {
    std::string literal = "'";
    for (const char c : text)
        literal += c == '\'' ? "''" : std::string{c};
    return literal + "'";
}

// What may stand before a leg's name, or the folder of its day: the path of the spool, or "./".
std::string beginning_of(const std::vector<std::string>& spools) {
    std::string beginning = "\\./";
    for (const auto& spool : spools)
        if (is_utf8(spool)) // a row is text
            beginning += "|" + as_pattern(spool == "/" ? std::string{} : spool) + "/";
    return "(" + beginning + ")?";
}

} // namespace

LegNaming::LegNaming(const std::vector<std::string>& spools, SpoolLayout layout) : layout_{layout} {
    const auto beginning = beginning_of(spools);
    const auto dated = fmt::format("^{}({}/)?[^/]+$", beginning, day_pattern);
    named_ = as_literal(layout == SpoolLayout::dated ? dated : fmt::format("^{}[^/]+$", beginning));
}

std::string LegNaming::base_name(const std::string& column) {
    return fmt::format("substring({} from '[^/]*$')", column);
}

// Most rows have no slash: looking for one costs less than a regular expression.
std::string LegNaming::leg(const std::string& column) const {
    return fmt::format("case when strpos({0}, '/') > 0 and {0} ~ {1} then {2} else {0} end", column, named_,
                       base_name(column));
}

std::string LegNaming::names(const std::string& column, const std::string& leg) const {
    return fmt::format("({0} and (strpos({1}, '/') = 0 or {1} ~ {2}))", claims(column, leg), column, named_);
}

std::string LegNaming::claims(const std::string& column, const std::string& leg) {
    return fmt::format("{} = {}", base_name(column), leg);
}

std::string LegNaming::day(const std::string& column) const {
    if (layout_ == SpoolLayout::flat)
        return "cast(null as text)";
    return fmt::format("case when strpos({0}, '/') > 0 then substring({0} from '({1})/[^/]*$') end", column,
                       day_pattern);
}

} // namespace pbx::db
