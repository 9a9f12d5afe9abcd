// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "nas/space/frame.hpp"
#include "simulator/common/yaml_fields.hpp"

namespace tilewake {

/// The keys of a frame, and the rules between them. Violations are InputErrors naming file, line
/// and key.
void visit_fields(YamlFields& fields, Frame& frame);
void check_frame(const YamlReader& root, const Frame& frame);

/// What of a space follows the data.
struct AutoFrame {
  bool input = false;
  bool num_classes = false;
  /// Sides that an input may have, ascending, in pixels.
  std::vector<std::int64_t> sizes = {28,  32,  40,  48,  56,  64,  80,  96,
                                     112, 128, 160, 192, 224, 256, 288, 320};
};

/// The keys of a frame of a space, whose input and classes may be `auto`.
void visit_fields(YamlFields& fields, Frame& frame, AutoFrame& automatic);

/// Sets what is `auto`; the input to the largest of the sizes that is at most that of the data, or
/// the smallest. Without data (nullptr) it is an InputError naming file, line and key.
void follow_data(const YamlReader& root, const AutoFrame& automatic, const DataShape* data,
                 Frame& frame);

/// Least side of the last feature map of networks that are made for inputs of any size, in pixels.
inline constexpr std::int64_t kLeastLastSide = 4;

/// Sets strides to 1, in their order, until a map of `side` pixels keeps kLeastLastSide after all.
void limit_strides(std::int64_t side, const std::vector<int*>& strides);

/// The same for a space with `input: auto`, for strides in the order of the network (stem, stages):
/// first those of the stem and of every second stage, then the others, so that the remaining ones
/// are spread evenly.
void limit_spread_strides(std::int64_t side, const std::vector<int*>& strides);

/// The rules of `kernels`: odd, ascending, none twice.
void check_kernels(const YamlReader& yaml, const std::vector<int>& kernels);

}  // namespace tilewake
