# What goes where on an operator's machine.
set(pbx_data ${CMAKE_INSTALL_DATADIR}/pbx-recording-tools)
install(DIRECTORY migrations/ DESTINATION ${pbx_data}/migrations FILES_MATCHING PATTERN "*.sql")
file(GLOB man_pages CONFIGURE_DEPENDS man/*.[157])
foreach(page IN LISTS man_pages)
    string(REGEX REPLACE ".*\\." "" section ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
