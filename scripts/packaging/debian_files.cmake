# SPDX-License-Identifier: Apache-2.0
# Run by CPack before it packs: what a Debian package has and an installed tree has not.
# CPACK_TEMPORARY_DIRECTORY has one directory a component.
function(gzip file)
  execute_process(COMMAND gzip -9n ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)  # of SOURCE_DATE_EPOCH, if it is set
set(simulator tilewake)
set(nas tilewake-nas)
set(python python3-tilewake)
foreach(component ${CPACK_COMPONENTS_ALL})
  set(package ${${component}})
  set(prefix ${CPACK_TEMPORARY_DIRECTORY}/${component}${CPACK_PACKAGING_INSTALL_PREFIX})
  set(documents ${prefix}/share/doc/${package})
  file(MAKE_DIRECTORY ${documents})
  file(COPY_FILE ${CMAKE_CURRENT_LIST_DIR}/copyright ${documents}/copyright)
  file(WRITE ${documents}/changelog
       "${package} (${CPACK_PACKAGE_VERSION}) bookworm; urgency=medium\n\n"
       "  * See CHANGELOG.md in /usr/share/doc/tilewake or in the sources.\n\n"
       " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  gzip(${documents}/changelog)
  file(GLOB pages ${prefix}/share/man/man1/*.1)
  foreach(page ${pages})
    gzip(${page})
  endforeach()
  file(REMOVE ${documents}/LICENSE)  # named in copyright
  # Debian's zsh and Python look in other directories of /usr than of a prefix such as /usr/local.
  if(EXISTS ${prefix}/share/zsh/site-functions)
    file(RENAME ${prefix}/share/zsh/site-functions ${prefix}/share/zsh/vendor-completions)
  endif()
  file(GLOB site_packages ${prefix}/lib/python3.*/site-packages)
  if(site_packages)
    file(MAKE_DIRECTORY ${prefix}/lib/python3)
    file(RENAME ${site_packages} ${prefix}/lib/python3/dist-packages)
    cmake_path(GET site_packages PARENT_PATH empty)
    file(REMOVE_RECURSE ${empty})
  endif()
endforeach()
