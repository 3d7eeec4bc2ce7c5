# `cpack` in the build folder makes a Debian package of what Install.cmake installs, whatever prefix the build has.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pbx-recording-tools)
# Who builds packages for others names himself: cpack -D CPACK_PACKAGE_CONTACT="Name <address>".
set(CPACK_PACKAGE_CONTACT "The pbx-recording-tools authors <maintainers@pbx-recording-tools.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/finish.cmake)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION comm)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS rclone)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "cron | cron-daemon, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "asterisk, bash-completion, postgresql-client")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/conffiles)
set(CPACK_PACKAGE_DESCRIPTION "\
Unix tools that own call recording from policy to archive. They write
Asterisk's dialplan from the database's recording policy, join the legs of
each call into one WAV file, move the recordings to a bucket through rclone,
and serve any call from the nearest place that has it.

The hourly runs in /etc/cron.d work as the user asterisk, once
/etc/pbx/pbx.conf says where things are.")
include(CPack)
