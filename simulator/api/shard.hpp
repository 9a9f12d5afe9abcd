// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake {

/// One of `count` equal parts of a list: every count-th point, from `index`. Neighbours, which tend
/// to take equally long, are in different parts.
struct Shard {
  std::int64_t index = 0;  // below `count`
  std::int64_t count = 1;

  static constexpr std::int64_t kMaxCount = 10'000;

  bool has(std::int64_t point) const { return point % count == index; }
  /// Points of a list of `total`.
  std::int64_t size_of(std::int64_t total) const { return (total - index + count - 1) / count; }
};

}  // namespace tilewake
