// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "simulator/common/math.hpp"
#include "simulator/engine/memory/address_map.hpp"
#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

/// Converts cycles of one clock to cycles of another, both from 0, without accumulated rounding:
/// 1000 / 1200 is a fraction, while 833.33 ps is not an integer. Clocks are exact to 1 Hz. Exact up
/// to 2^48 cycles (days of simulated time).
class ClockRatio {
 public:
  ClockRatio(double from_mhz, double to_mhz) {
    const auto hz = [](double mhz) { return std::llround(mhz * 1e6); };
    const std::int64_t divisor = std::gcd(hz(from_mhz), hz(to_mhz));
    num_ = hz(to_mhz) / divisor;
    den_ = Divisor(hz(from_mhz) / divisor);
    max_narrow_ = (std::numeric_limits<std::int64_t>::max() - den_.value()) / num_;
  }

  /// The last cycle of the other clock that begins at or before `cycle`.
  std::int64_t floor(std::int64_t cycle) const {
    if (cycle <= max_narrow_) return den_.quotient(cycle * num_);
    return static_cast<std::int64_t>(Wide{cycle} * num_ / den_.value());
  }
  /// The first cycle that begins at or after `cycle`.
  std::int64_t ceil(std::int64_t cycle) const {
    if (cycle <= max_narrow_) return den_.ceil(cycle * num_);
    return static_cast<std::int64_t>((Wide{cycle} * num_ + den_.value() - 1) / den_.value());
  }

 private:
  __extension__ using Wide = __int128;

  std::int64_t num_ = 1;
  Divisor den_;
  std::int64_t max_narrow_ = 0;  // cycles whose products fit 64 bits, which divide faster
};

/// Distributes bytes over the channels in pieces of `interleave_bytes`, round-robin. Consecutive
/// bytes of the memory are consecutive bursts of each channel; partially requested bursts are moved
/// as a whole.
class ChannelInterleave {
 public:
  explicit ChannelInterleave(const BankedDramConfig& config)
      : num_channels_(config.num_channels),
        piece_(config.interleave_bytes),
        stripe_(piece_ * num_channels_),
        burst_bytes_(config.burst_bytes()),
        capacity_(config.num_channels * config.channel_bytes()) {}

  struct Bursts {
    std::int64_t first = 0;
    std::int64_t count = 0;
  };
  /// The part of the bytes [address, address + bytes) in `channel`.
  Bursts bursts_in(std::int64_t channel, std::int64_t address, std::int64_t bytes) const {
    const std::int64_t from = capacity_.remainder(address);
    const std::int64_t begin = bytes_below(channel, from);
    const std::int64_t end = bytes_below(channel, from + bytes);
    if (begin == end) return {};
    const std::int64_t first = burst_bytes_.quotient(begin);
    return {first, burst_bytes_.ceil(end) - first};
  }

  /// Bytes of a request with at least `channel_bytes` for every channel.
  std::int64_t stripe_bytes(std::int64_t channel_bytes) const {
    return num_channels_ * std::max(channel_bytes, piece_);
  }

 private:
  /// Number of bytes below `address` in the channel.
  std::int64_t bytes_below(std::int64_t channel, std::int64_t address) const {
    const std::int64_t stripes = stripe_.quotient(address);
    const std::int64_t rest = address - stripes * stripe_.value();
    return stripes * piece_ + std::clamp<std::int64_t>(rest - channel * piece_, 0, piece_);
  }

  std::int64_t num_channels_;
  std::int64_t piece_;
  Divisor stripe_;
  Divisor burst_bytes_;
  Divisor capacity_;
};

/// Common part of the controllers of banked memory: identical channels, interleaving of bytes, and
/// conversion between NPU and memory clocks.
template <typename Channel>
class BankedController : public MemoryController {
 public:
  std::int64_t max_request_bytes() const final { return max_request_bytes_; }
  std::int64_t num_refreshes(std::int64_t now) const final {
    std::int64_t count = 0;
    for (const Channel& channel : channels_)
      count += channel.timing().num_refreshes(to_dram_.ceil(now));
    return count;
  }

 protected:
  explicit BankedController(const BankedDramConfig& config)
      : to_dram_(config.npu_clock_mhz, config.device.clock_mhz),
        to_npu_(config.device.clock_mhz, config.npu_clock_mhz),
        channels_(static_cast<std::size_t>(config.num_channels), Channel(config)),
        interleave_(config),
        max_request_bytes_(interleave_.stripe_bytes(BankedDramConfig::kChannelRequestBytes)) {}

  /// Calls `serve(channel, first burst, number of bursts)` for every channel with bytes of the
  /// request.
  template <typename Serve>
  void for_each_channel(const MemoryRequest& request, Serve serve) {
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      const auto bursts =
          interleave_.bursts_in(static_cast<std::int64_t>(i), request.address, request.bytes);
      if (bursts.count > 0) serve(channels_[i], bursts.first, bursts.count);
    }
  }

  const ClockRatio to_dram_;
  const ClockRatio to_npu_;
  std::vector<Channel> channels_;

 private:
  const ChannelInterleave interleave_;
  const std::int64_t max_request_bytes_;
};

}  // namespace tilewake
