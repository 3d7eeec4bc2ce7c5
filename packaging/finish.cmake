# cpack runs this on the installed files before it packs them: changes that Debian's policy requires.
set(share "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share")
set(doc "${share}/doc/pbx-recording-tools")

file(REMOVE "${doc}/LICENSE") # the file copyright contains its text
file(COPY "${CMAKE_CURRENT_LIST_DIR}/copyright" "${CMAKE_CURRENT_LIST_DIR}/changelog" DESTINATION "${doc}"
     FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(GLOB pages "${share}/man/man*/*.[157]")
foreach(file IN LISTS pages ITEMS "${doc}/changelog")
    execute_process(COMMAND gzip -9n "${file}" RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "gzip ${file}: ${status}")
    endif()
endforeach()
