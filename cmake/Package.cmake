# Run cpack in the build folder to make a Debian package of what Install.cmake installs. It uses /usr, whatever the build's prefix.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pbx-recording-tools)
# To build packages for others, set your own address: cpack -D CPACK_PACKAGE_CONTACT="Name <address>".
set(CPACK_PACKAGE_CONTACT "The pbx-recording-tools authors <maintainers@pbx-recording-tools.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/finish.cmake)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION comm)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "rclone, adduser")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "cron | cron-daemon, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "asterisk, bash-completion, postgresql-client")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/conffiles ${CMAKE_SOURCE_DIR}/packaging/postinst
                                        ${CMAKE_SOURCE_DIR}/packaging/postrm)
set(CPACK_PACKAGE_DESCRIPTION "\
These Unix tools record the calls of a multi-tenant Asterisk PBX. They write
Asterisk's dialplan from the recording policy in a database, join the legs of
each call into one WAV file, move the recordings to a bucket with rclone, and
serve the recording of any call from wherever it is stored.

After you have written /etc/pbx/pbx.conf, the hourly runs in /etc/cron.d work
as the user asterisk.")
include(CPack)
