// What Asterisk says about the conversion of codecs. The listings are those of Asterisk 22.
#include "catch.hpp"
#include "deploy/codec_paths.hpp"

using pbx::deploy::codecs_in;
using pbx::deploy::codecs_without_path;
using pbx::deploy::leads_to;
using pbx::deploy::Names;

namespace {

constexpr const char* from_slin = "--- Translation paths SRC Codec \"slin\" sample rate 8000 ---\n"
                                  "\tslin:8000        To ulaw:8000       : (slin@8000)->(ulaw@8000)\n"
                                  "\tslin:8000        To g729:8000       : (slin@8000)->(g729@8000)\n"
                                  "\tslin:8000        To opus:48000      : No Translation Path\n";
constexpr const char* from_ulaw = "--- Translation paths SRC Codec \"ulaw\" sample rate 8000 ---\n"
                                  "\tulaw:8000        To slin:8000       : (ulaw@8000)->(slin@8000)\n"
                                  "\tulaw:8000        To slin:16000      : (ulaw@8000)->(slin@8000)->(slin@16000)\n";

} // namespace

TEST_CASE("a codec without a way in one of the two directions is found") {
    const auto ask = [](const std::string& question) {
        return std::string{question.ends_with(" slin 8000") ? from_slin : question.ends_with(" ulaw") ? from_ulaw : ""};
    };
    CHECK(codecs_without_path({{"ulaw", {"a"}}, {"opus", {"a"}}, {"g729", {"a"}}}, ask) == Names{"opus", "g729"});
    CHECK(codecs_without_path({}, ask).empty());
}

TEST_CASE("a codec whose name begins like another one is not that one") {
    CHECK(leads_to(from_slin, "ulaw"));
    CHECK_FALSE(leads_to(from_slin, "ula"));
    CHECK_FALSE(leads_to(from_slin, "law"));
    CHECK_FALSE(leads_to("", "ulaw"));
}

TEST_CASE("the codecs of the organizations' files are those that their phones and trunks allow") {
    const auto codecs = codecs_in({{"pjsip_acme.conf", "[a]\ndisallow=all\nallow=opus,ulaw\n[b]\nallow=ulaw\n"},
                                   {"pjsip_beta.conf", "[a]\nallow=alaw\nallow_transfer=no\n"},
                                   {"ext_acme.conf", "allow=g722\n"}});
    CHECK(codecs == std::map<std::string, Names>{
                        {"alaw", {"pjsip_beta.conf"}}, {"opus", {"pjsip_acme.conf"}}, {"ulaw", {"pjsip_acme.conf"}}});
}
