// How an organization is found by the name, prefix or id that an operator gives.
#include "base/error.hpp"
#include "catch.hpp"
#include "db/organization_lookup.hpp"

#include <array>

using pbx::Error;
using pbx::Exit;
using pbx::db::find_organization;
using pbx::db::OrganizationKeys;

namespace {

// The second organization's name is the first one's prefix, and the fourth one's is the third one's id.
constexpr std::array<OrganizationKeys, 4> organizations{
    {{"id-1", "Acme", "acme"}, {"id-2", "acme", "acme_two"}, {"id-3", "Globex", "Globex"}, {"id-4", "id-3", "id_3"}}};

Exit failure(const std::string& wanted) {
    try {
        find_organization(organizations, wanted);
    } catch (const Error& error) {
        CHECK(!error.hint().empty());
        return error.status();
    }
    return Exit::ok;
}

} // namespace

TEST_CASE("an organization is found by its id, its name or its prefix") {
    CHECK(find_organization(organizations, "id-2") == 1);
    CHECK(find_organization(organizations, "Acme") == 0);
    CHECK(find_organization(organizations, "acme_two") == 1);
    CHECK(find_organization(organizations, "Globex") == 2);
}

TEST_CASE("an id is that organization's, whatever the others are called") {
    CHECK(find_organization(organizations, "id-3") == 2);
}

TEST_CASE("a text that names two organizations names none of them") {
    CHECK(failure("acme") == Exit::usage);
}

TEST_CASE("a text that is only a part of a name names no organization") {
    for (const auto* wanted : {"", "acm", "ACME", "id-", "nobody"})
        CHECK(failure(wanted) == Exit::no_input);
}
