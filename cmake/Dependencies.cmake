# All libraries, as Debian packages them, in one target: pbx_dependencies.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(SNDFILE REQUIRED IMPORTED_TARGET sndfile)
pkg_check_modules(SAMPLERATE REQUIRED IMPORTED_TARGET samplerate)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)

# UTF-8: headers only, and no CMake file in Debian 12.
find_path(UTF8_INCLUDE utf8.h REQUIRED)

# SOCI's package has neither a CMake nor a pkg-config file. Its <soci/soci.h> includes a configuration header that needs
# Boost, on which the package does not depend, so the definitions below replace that header.
find_path(SOCI_INCLUDE soci/soci.h REQUIRED)
find_library(SOCI_CORE soci_core REQUIRED)
find_library(SOCI_POSTGRESQL soci_postgresql REQUIRED)
add_library(soci INTERFACE)
target_compile_definitions(soci INTERFACE SOCICONFIG_H_INCLUDED SOCI_HAVE_CXX11 SOCI_HAVE_VISIBILITY_SUPPORT)
target_include_directories(soci SYSTEM INTERFACE ${SOCI_INCLUDE})
target_link_libraries(soci INTERFACE ${SOCI_CORE} ${SOCI_POSTGRESQL} PkgConfig::PQ)

add_library(pbx_dependencies INTERFACE)
target_include_directories(pbx_dependencies SYSTEM INTERFACE ${UTF8_INCLUDE})
target_link_libraries(pbx_dependencies INTERFACE soci PkgConfig::SNDFILE PkgConfig::SAMPLERATE PkgConfig::XXHASH
                      PkgConfig::PQ nlohmann_json::nlohmann_json fmt::fmt CLI11::CLI11 OpenSSL::Crypto Threads::Threads)
