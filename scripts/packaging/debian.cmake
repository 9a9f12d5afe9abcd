# SPDX-License-Identifier: Apache-2.0
# Debian packages by CPack, one a component that this build has: `tilewake` (the simulator), `tilewake-nas`
# (the search) and `python3-tilewake`. scripts/packaging/README.md has the commands.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tilewake)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Tilewake developers <tilewake@packages.invalid>")  # who distributes it sets another
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# The library is no package: its programs are compiled, and find it in the prefix of `cmake --install`.
set(CPACK_COMPONENTS_ALL simulator)
if(TILEWAKE_BUILD_NAS AND TILEWAKE_WITH_TORCH)
  list(APPEND CPACK_COMPONENTS_ALL nas)
endif()
if(TILEWAKE_PYTHON)
  list(APPEND CPACK_COMPONENTS_ALL python)
endif()
# Compresses the manual page, adds copyright and changelog.
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian_files.cmake)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)  # needs dpkg-dev
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_SIMULATOR_PACKAGE_NAME tilewake)
set(CPACK_DEBIAN_SIMULATOR_PACKAGE_SECTION science)
set(CPACK_DEBIAN_SIMULATOR_PACKAGE_SUGGESTS "tilewake-nas, bash-completion")
set(CPACK_COMPONENT_SIMULATOR_DESCRIPTION "simulator of neural networks on NPUs
Simulates convolutional networks on neural processing units that YAML files
describe, exact to the cycle, and calibrates latency models that predict the
latency of a layer in microseconds.")

set(CPACK_DEBIAN_NAS_PACKAGE_NAME tilewake-nas)
set(CPACK_DEBIAN_NAS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_NAS_PACKAGE_DEPENDS "tilewake (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_NAS_PACKAGE_RECOMMENDS libopenblas0-pthread)
set(CPACK_DEBIAN_NAS_PACKAGE_SUGGESTS dataset-fashion-mnist)
set(CPACK_COMPONENT_NAS_DESCRIPTION "search for neural networks that meet a latency limit on an NPU
Searches for the most accurate convolutional network within a latency limit on
a neural processing unit, with the latency models of Tilewake. It trains with
LibTorch, on the processor.")

set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-tilewake)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
if(TILEWAKE_PYTHON)
  # The extension module is of one version of Python.
  string(REPLACE "." ";" version "${TILEWAKE_PYTHON_VERSION}")
  list(GET version 0 major)
  list(GET version 1 minor)
  math(EXPR next "${minor} + 1")
  set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= ${major}.${minor}), python3 (<< ${major}.${next})")
endif()
set(CPACK_COMPONENT_PYTHON_DESCRIPTION "simulator of neural networks on NPUs, Python package
Simulates convolutional networks on neural processing units, sweeps, calibrates
latency models and predicts. Results are columns that pandas takes.")

include(CPack)
