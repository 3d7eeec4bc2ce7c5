# What is installed where. No service is started.
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
file(GLOB documents CONFIGURE_DEPENDS docs/*.md)
install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
install(FILES pbx.conf.example packaging/sudoers docs/freepbx-cdr.sql DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY asterisk/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/asterisk FILES_MATCHING PATTERN "*.conf")
install(DIRECTORY http/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/http FILES_MATCHING PATTERN "*.conf")

# Each tool prints its own completion. Leaks of a tool built with sanitizers are ignored, since it is never installed.
# The folders and names are those that each shell searches by itself below /usr. Below /usr/local, Debian's zsh searches
# share/zsh/site-functions only: its users add share/zsh/vendor-completions to fpath.
set(bash_before completions/)
set(bash_after "")
set(zsh_before completions-zsh/_)
set(zsh_after "")
set(fish_before completions-fish/)
set(fish_after .fish)
foreach(shell bash zsh fish)
    get_filename_component(folder ${CMAKE_BINARY_DIR}/${${shell}_before}x DIRECTORY)
    foreach(tool IN LISTS tools)
        set(completion ${CMAKE_BINARY_DIR}/${${shell}_before}${tool}${${shell}_after})
        add_custom_command(OUTPUT ${completion}
                           COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
                           COMMAND ${CMAKE_COMMAND} -E env ASAN_OPTIONS=detect_leaks=0 $<TARGET_FILE:${tool}>
                                   --generate-completion=${shell} >${completion}.new
                           COMMAND ${CMAKE_COMMAND} -E rename ${completion}.new ${completion}
                           DEPENDS ${tool} COMMENT "Completion of ${tool} for ${shell}")
        list(APPEND ${shell}_completions ${completion})
    endforeach()
endforeach()
add_custom_target(completions ALL DEPENDS ${bash_completions} ${zsh_completions} ${fish_completions})
install(FILES ${bash_completions} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${zsh_completions} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${fish_completions} DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# Not enabled: cron starts the hourly runs unless the operator enables the timer.
install(FILES packaging/pbx-recording-tools.service packaging/pbx-recording-tools.timer DESTINATION lib/systemd/system)

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
