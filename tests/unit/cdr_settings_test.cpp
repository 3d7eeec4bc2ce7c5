// "cdr show status" as Asterisk 16 and 22 print it.
#include "catch.hpp"
#include "deploy/cdr_settings.hpp"

#include <string>

using pbx::deploy::cdr_faults;
using pbx::deploy::cdr_hint;

namespace {

// Asterisk 16.28.0, with asterisk/16/cdr.conf.
const std::string good_16 = R"(
Call Detail Record (CDR) settings
----------------------------------
  Logging:                    Enabled
  Mode:                       Simple
  Log calls by default:       Yes
  Log unanswered calls:       Yes
  Log congestion:             Yes

* Registered Backends
  -------------------
    (none)

)";

// Asterisk 22.10.1, with asterisk/cdr.conf.
const std::string good_22 = R"(
Call Detail Record (CDR) settings
----------------------------------
  Logging:                    Enabled
  Mode:                       Simple
  Log calls by default:       Yes
  Log unanswered calls:       Yes
  Log congestion:             Yes

  Ignore bridging changes:    No

  Ignore dial state changes:  Yes

  Cancel disposition enabled: No

* Registered Backends
  -------------------
    (none)

)";

const std::string off = R"(
Call Detail Record (CDR) settings
----------------------------------
  Logging:                    Disabled
  Mode:                       Simple
)";

std::string with(std::string text, const std::string& what, const std::string& instead) {
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), instead);
}

} // namespace

TEST_CASE("the CDR settings of the base configuration have no fault in Asterisk 16 and 22") {
    CHECK(cdr_faults(good_16).empty());
    CHECK(cdr_faults(good_22).empty());
}

TEST_CASE("CDR settings with which calls leave no row are faults") {
    for (const auto& [line, instead, setting] :
         {std::tuple{"calls by default:       Yes", "calls by default:       No", "channeldefaultenabled=no"},
          std::tuple{"unanswered calls:       Yes", "unanswered calls:       No", "unanswered=no"},
          std::tuple{"congestion:             Yes", "congestion:             No", "congestion=no"},
          std::tuple{"bridging changes:    No", "bridging changes:    Yes", "ignorestatechanges=yes"}}) {
        const auto faults = cdr_faults(with(good_22, line, instead));
        REQUIRE(faults.size() == 1);
        CHECK(faults[0].rows_missing);
        CHECK(faults[0].text.find(setting) != std::string::npos);
    }
    const auto faults = cdr_faults(off);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].rows_missing);
    CHECK(faults[0].text == "Asterisk has enable=no: no call leaves a CDR row");
}

TEST_CASE("CDR settings that repeat or delay rows are faults with which no row is missing") {
    for (const auto& status :
         {with(good_22, "dial state changes:  Yes", "dial state changes:  No"), with(good_16, "Simple", "Batch")}) {
        const auto faults = cdr_faults(status);
        REQUIRE(faults.size() == 1);
        CHECK_FALSE(faults[0].rows_missing);
    }
}

TEST_CASE("an Asterisk that does not list its CDR settings is not refused") {
    for (const std::string answer : {"", "No such command 'cdr show status' (type 'core show help cdr show status' for "
                                         "other possible commands)\n"}) {
        const auto faults = cdr_faults(answer);
        REQUIRE(faults.size() == 1);
        CHECK_FALSE(faults[0].rows_missing);
        CHECK(cdr_hint(answer) == "see what asterisk -rx \"cdr show status\" prints");
    }
}

TEST_CASE("the hint about CDR settings names the example that the version of Asterisk knows") {
    CHECK(cdr_hint(good_16).find("16/cdr.conf") != std::string::npos);
    CHECK(cdr_hint(good_22).find("16/") == std::string::npos);
    CHECK(cdr_hint(off) == "set enable=yes in cdr.conf, and restart Asterisk");
}
