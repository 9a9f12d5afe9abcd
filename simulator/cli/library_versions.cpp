// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/library_versions.hpp"

namespace tilewake {

// CMake found these versions and passes them to this file alone.
std::vector<LibraryVersion> library_versions() {
  return {
      {"compiler", TILEWAKE_COMPILER},         {"SystemC", TILEWAKE_SYSTEMC_VERSION},
      {"yaml-cpp", TILEWAKE_YAML_CPP_VERSION}, {"fmt", TILEWAKE_FMT_VERSION},
      {"Protobuf", TILEWAKE_PROTOBUF_VERSION}, {"ONNX", TILEWAKE_ONNX_VERSION},
  };
}

}  // namespace tilewake
