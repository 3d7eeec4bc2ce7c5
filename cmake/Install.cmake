# What is installed where. No service is started and no account is created.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
install(DIRECTORY migrations/ DESTINATION ${CMAKE_INSTALL_DATADIR}/pbx-recording-tools/migrations
        FILES_MATCHING PATTERN "*.sql")
install(DIRECTORY sounds/ DESTINATION ${CMAKE_INSTALL_DATADIR}/pbx-recording-tools/sounds
        FILES_MATCHING PATTERN "*.ulaw" PATTERN "README.md")
file(GLOB man_pages CONFIGURE_DEPENDS man/*.[157])
foreach(page IN LISTS man_pages)
    string(REGEX REPLACE ".*\\." "" section ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES pbx.conf.example DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY asterisk/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/asterisk FILES_MATCHING PATTERN "*.conf")

# Each tool prints its own bash completion. Leaks of a tool built with sanitizers are ignored, since it is never installed.
foreach(tool IN LISTS tools)
    set(completion ${CMAKE_BINARY_DIR}/completions/${tool})
    add_custom_command(OUTPUT ${completion}
                       COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completions
                       COMMAND ${CMAKE_COMMAND} -E env ASAN_OPTIONS=detect_leaks=0 $<TARGET_FILE:${tool}>
                               --generate-completion >${completion}.new
                       COMMAND ${CMAKE_COMMAND} -E rename ${completion}.new ${completion}
                       DEPENDS ${tool} COMMENT "Completion of ${tool}")
    list(APPEND completions ${completion})
endforeach()
add_custom_target(completions ALL DEPENDS ${completions})
install(FILES ${completions} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)

# cron reads only /etc/cron.d, so the hourly runs go there if the prefix is /usr or /usr/local. With any other prefix
# (--prefix ~/pbx) nothing outside of it is touched.
install(CODE "
    if(CMAKE_INSTALL_PREFIX MATCHES \"^/usr(/local)?/*$\")
        set(cron /etc/cron.d)
    else()
        set(cron \"\${CMAKE_INSTALL_PREFIX}/etc/cron.d\")
    endif()
    file(INSTALL DESTINATION \"\${cron}\" TYPE FILE RENAME pbx-recording-tools
         PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ FILES \"${CMAKE_SOURCE_DIR}/crontab\")
")
