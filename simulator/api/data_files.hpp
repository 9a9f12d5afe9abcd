// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/api/inputs.hpp"

namespace tilewake {

/// Reads the file that a name or a path stands for, as read_machine does. Search spaces and recipes
/// are found in nas/spaces/ and nas/recipes/.
/// Throws InputError; for an unknown name it lists the known ones.
InputFile read_hardware_file(const std::string& name);
InputFile read_network_file(const std::string& name);
InputFile read_space_file(const std::string& name);
InputFile read_recipe_file(const std::string& name);

}  // namespace tilewake
