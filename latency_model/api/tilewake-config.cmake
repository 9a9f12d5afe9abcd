# SPDX-License-Identifier: Apache-2.0
# The library is one shared object: a program needs no other package.
include(${CMAKE_CURRENT_LIST_DIR}/tilewake-targets.cmake)
