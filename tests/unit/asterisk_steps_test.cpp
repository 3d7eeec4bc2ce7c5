// The steps of the dialplan, in a file and on Asterisk's console.
#include "catch.hpp"
#include "deploy/asterisk_listings.hpp"

using namespace pbx::deploy;

TEST_CASE("steps of a file are those that the console shows") {
    const std::vector<File> files{{"ext_acme.conf", "[acme__internal]\n"
                                                    "exten => 1001,hint,PJSIP/acme_1001\n"
                                                    "exten => 1001,1,NoOp(a [b], c)\n"
                                                    " same => n(free),Dial(x\\;y)\n"
                                                    "; comment\n"
                                                    "exten => _X.,1,Hangup()\n"},
                                  {"queues_acme.conf", "[acme__5001]\nsame => n,X()\n"}};
    const auto shown =
        steps_shown("[ Context 'acme__internal' created by 'pbx_config' ]\n"
                    "  '1001' =>         hint: PJSIP/acme_1001                         [ext_acme.conf:2]\n"
                    "                    1. NoOp(a [b], c)                             [ext_acme.conf:3]\n"
                    "     [free]         2. Dial(x;y)                                  [ext_acme.conf:4]\n"
                    "  '_X.' =>          1. Hangup()                                   [ext_acme.conf:6]\n"
                    "\n[ Context 'other' created by 'func_periodic_hook' ]\n"
                    "  Include =>        'acme__internal'                              [pbx_config]\n");
    CHECK(steps_in(files) == shown);
    CHECK(steps_in(files).size() == 3);
    CHECK(steps_shown("").empty());
    CHECK(steps_shown("  '\n   [\n[ Context '\n 12\n").empty());
}
