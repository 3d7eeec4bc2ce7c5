// Exit statuses: which of two a batch ends with.
#include "base/error.hpp"
#include "catch.hpp"

#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

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

TEST_CASE("every exception has one status, and only one that the system did not cause is a bug") {
    const auto code = [](int number) { return std::error_code{number, std::generic_category()}; };
    CHECK(pbx::as_error(pbx::Error{Exit::data, "x"}).status() == Exit::data);
    CHECK(pbx::as_error(std::bad_alloc{}).status() == Exit::temporary);
    CHECK(pbx::as_error(std::system_error{code(EAGAIN)}).status() == Exit::temporary);
    CHECK(pbx::as_error(std::system_error{code(EACCES)}).status() == Exit::no_permission);
    CHECK(pbx::as_error(std::system_error{code(EIO)}).status() == Exit::io);
    CHECK(pbx::as_error(std::logic_error{"x"}).status() == Exit::software);
    CHECK(std::string{pbx::as_error(std::system_error{code(EAGAIN)}).what()}.starts_with("cannot start a thread: "));
}
