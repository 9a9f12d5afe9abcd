// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "simulator/common/yaml_schema.hpp"

namespace tilewake {

/// The keys of network files.
YamlSchema network_schema();

/// What check_name() accepts, as a regular expression for editors.
inline constexpr std::string_view kNamePattern =
    R"(^[A-Za-z0-9_/]([A-Za-z0-9_./:+()\[\]@#%= -]{0,198}[A-Za-z0-9_./:+()\[\]@#%=-])?$)";

}  // namespace tilewake
