// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/common/yaml_schema.hpp"

namespace tilewake {

/// The keys of files of MixConv spaces, and of operator spaces.
YamlSchema search_space_schema();
YamlSchema operator_space_schema();

}  // namespace tilewake
