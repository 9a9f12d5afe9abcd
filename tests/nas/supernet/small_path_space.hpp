// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "nas/supernet/path_supernet.hpp"
#include "tests/nas/network/operators.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// Two stages of two blocks on 8x8 images of one channel, with four candidates a position.
inline PathSpace small_path_space() {
  PathSpace space;
  space.input = {1, 8, 8};
  space.num_classes = 5;
  space.stem_width = 6;
  space.head_width = 12;
  const std::vector<ArchitectureBlock> pool = operator_pool();
  std::size_t next = 0;
  int channels = space.stem_width;
  for (const int width : {6, 8}) {
    for (int b = 0; b < 2; ++b) {
      PathPosition position;
      position.in_channels = channels;
      position.out_channels = width;
      position.stride = b == 0 && width == 8 ? 2 : 1;
      // 9 and the 32 of the pool have no common factor: 16 different ones, of every kind.
      for (int c = 0; c < 4; ++c) position.candidates.push_back(pool[(next++ * 9) % pool.size()]);
      space.positions.push_back(position);
      channels = width;
    }
  }
  return space;
}

inline Architecture architecture_of(const PathSpace& space, const std::vector<int>& path) {
  Architecture a;
  a.name = "path";
  a.input = space.input;
  a.num_classes = space.num_classes;
  a.stem_kernel = space.stem_kernel;
  a.stem_stride = space.stem_stride;
  a.stem_width = space.stem_width;
  a.head_width = space.head_width;
  a.activation = space.activation;
  a.se_ratio = space.se_ratio;
  for (std::size_t p = 0; p < path.size(); ++p) {
    const PathPosition& position = space.positions[p];
    if (p % 2 == 0) a.stages.push_back({position.out_channels, position.stride, {}});
    a.stages.back().blocks.push_back(position.candidates[static_cast<std::size_t>(path[p])]);
  }
  return a;
}

inline std::vector<int> random_path(const PathSpace& space, Random& random) {
  std::vector<int> path;
  for (const PathPosition& position : space.positions)
    path.push_back(static_cast<int>(random.below(position.candidates.size())));
  return path;
}

/// Whether a parameter or buffer named `key` belongs to a block of `path` or to what all share.
inline bool is_of_path(const std::string& key, const std::vector<int>& path) {
  if (key.rfind("block", 0) != 0) return true;
  for (std::size_t p = 0; p < path.size(); ++p) {
    if (key.rfind("block" + std::to_string(p) + "_" + std::to_string(path[p]) + ".", 0) == 0)
      return true;
  }
  return false;
}

}  // namespace tilewake
