// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nas/space/frame.hpp"
#include "simulator/common/yaml_fields.hpp"

namespace tilewake {

/// The keys of a frame, and the rules between them. Violations are InputErrors naming file, line
/// and key.
void visit_fields(YamlFields& fields, Frame& frame);
void check_frame(const YamlReader& root, const Frame& frame);

/// The rules of `kernels`: odd, ascending, none twice.
void check_kernels(const YamlReader& yaml, const std::vector<int>& kernels);

}  // namespace tilewake
