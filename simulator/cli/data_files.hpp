// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

/// An input file, read once: what is parsed is what is hashed.
struct InputFile {
  std::string path;
  std::string text;
};

/// Reads the machine or network that --hw or --net names. What has a '/' or ends in .yaml, .onnx or
/// .csv is a path. A bare name is NAME.yaml in hw_configs/ or networks/, looked for
///   1. in the current directory,
///   2. above the executable: in its build tree's source, or in share/tilewake of its installation,
///   3. in $TILEWAKE_DATA_DIR.
/// Search spaces and recipes are found alike, in nas/spaces/ and nas/recipes/.
/// Throws InputError; for an unknown name it lists the known ones.
InputFile read_hardware_file(const std::string& name);
InputFile read_network_file(const std::string& name);
InputFile read_space_file(const std::string& name);
InputFile read_recipe_file(const std::string& name);

}  // namespace tilewake
