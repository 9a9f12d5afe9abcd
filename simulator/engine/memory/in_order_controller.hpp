// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <vector>

#include "simulator/engine/memory/banked_controller.hpp"
#include "simulator/engine/memory/stream_channel.hpp"

namespace tilewake {

/// Banked memory whose channels serve their bursts in order of submission; stream_channel.hpp has
/// the timing. A request is over when its last burst in any channel is, so that a short one may
/// overtake another that uses other channels. What a request does is computed at once when it is
/// submitted.
///
/// Valid for requests of at least about 4 KiB a channel, or to the end of a row. A real controller
/// would put finer interleaved ones into another order, as FrFcfsController does.
class InOrderController final : public BankedController<StreamChannel> {
 public:
  explicit InOrderController(const BankedDramConfig& config);

  void reset() override;
  /// As long as less than two of the largest requests are under way: one on the bus, and one whose
  /// rows are opened meanwhile.
  bool can_accept(std::int64_t now) const override;
  void submit(const MemoryRequest& request, std::int64_t now) override;
  std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) override;

 private:
  struct Outstanding {
    MemoryCompletion completion;
    std::int64_t bytes = 0;
  };

  std::multimap<std::int64_t, Outstanding> outstanding_;  // by their ends
  std::int64_t outstanding_bytes_ = 0;
};

}  // namespace tilewake
