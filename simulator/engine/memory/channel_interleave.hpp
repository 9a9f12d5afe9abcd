// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "simulator/common/math.hpp"
#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

/// How bytes are laid round the channels, a piece of `interleave_bytes` each in turn. Consecutive
/// bytes of the memory are consecutive bursts of each channel; a burst of which a part is asked for
/// is moved whole.
class ChannelInterleave {
 public:
  explicit ChannelInterleave(const BankedDramConfig& config)
      : num_channels_(config.num_channels),
        piece_(config.interleave_bytes),
        burst_bytes_(config.burst_bytes()),
        capacity_(config.num_channels * config.channel_bytes()) {}

  struct Bursts {
    std::int64_t first = 0;
    std::int64_t count = 0;
  };
  /// What of the bytes [address, address + bytes) lies in `channel`.
  Bursts bursts_in(std::int64_t channel, std::int64_t address, std::int64_t bytes) const {
    const std::int64_t from = address % capacity_;
    const std::int64_t begin = bytes_below(channel, from);
    const std::int64_t end = bytes_below(channel, from + bytes);
    if (begin == end) return {};
    const std::int64_t first = begin / burst_bytes_;
    return {first, ceil_div(end, burst_bytes_) - first};
  }

  /// Bytes of one request that keep every channel busy for at least `channel_bytes`.
  std::int64_t stripe_bytes(std::int64_t channel_bytes) const {
    return num_channels_ * std::max(channel_bytes, piece_);
  }

 private:
  /// How many bytes below `address` lie in the channel.
  std::int64_t bytes_below(std::int64_t channel, std::int64_t address) const {
    const std::int64_t stripe = piece_ * num_channels_;
    return address / stripe * piece_ +
           std::clamp<std::int64_t>(address % stripe - channel * piece_, 0, piece_);
  }

  std::int64_t num_channels_;
  std::int64_t piece_;
  std::int64_t burst_bytes_;
  std::int64_t capacity_;
};

}  // namespace tilewake
