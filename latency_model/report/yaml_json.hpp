// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace tilewake {

struct YamlNode;

/// A YAML document as JSON: unquoted scalars that are numbers, `true` or `false` become such.
nlohmann::ordered_json yaml_json(const YamlNode& node);

}  // namespace tilewake
