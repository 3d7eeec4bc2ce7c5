// Exit statuses: which of two a batch ends with.
#include "base/error.hpp"
#include "catch.hpp"

#include <cerrno>

using pbx::Exit;
using pbx::worst;

TEST_CASE("a batch ends with the more severe of two statuses, whatever their numbers") {
    CHECK(worst(Exit::ok, Exit::temporary) == Exit::temporary);
    CHECK(worst(Exit::temporary, Exit::data) == Exit::data);
    CHECK(worst(Exit::data, Exit::unavailable) == Exit::unavailable);
    CHECK(worst(Exit::cant_create, Exit::data) == Exit::cant_create);
    CHECK(worst(Exit::software, Exit::no_permission) == Exit::software);
}

TEST_CASE("a refused permission has one status whatever was tried") {
    CHECK(pbx::system_error(Exit::io, "cannot open x", EACCES).status() == Exit::no_permission);
    CHECK(pbx::system_error(Exit::io, "cannot open x", EIO).status() == Exit::io);
}

TEST_CASE("system errors come with a hint about what to do") {
    CHECK(pbx::system_error(Exit::cant_create, "cannot write x", ENOSPC).hint().find("free space") !=
          std::string::npos);
    CHECK(pbx::system_error(Exit::cant_create, "cannot write x", ENOSPC, "mine").hint() == "mine");
}
