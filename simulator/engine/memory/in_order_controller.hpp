// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <vector>

#include "simulator/engine/memory/banked_controller.hpp"
#include "simulator/engine/memory/stream_channel.hpp"

namespace tilewake {

/// Banked memory whose channels serve bursts in order of submission; stream_channel.hpp has the
/// timing. A request completes with its last burst in any channel, so a short one may overtake
/// another that uses other channels. The timing of a request is computed at submission.
///
/// Valid for requests of at least about 4 KiB per channel, or up to the end of a row. A real
/// controller would reorder finer interleaved requests, as FrFcfsController does.
class InOrderController final : public BankedController<StreamChannel> {
 public:
  explicit InOrderController(const BankedDramConfig& config);

  void reset() override;
  /// True while less than two of the largest requests are in flight: one on the bus, and one whose
  /// rows are being opened.
  bool can_accept(std::int64_t now) const override;
  void submit(const MemoryRequest& request, std::int64_t now) override;
  std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) override;

 private:
  struct Outstanding {
    MemoryCompletion completion;
    std::int64_t bytes = 0;
  };

  std::multimap<std::int64_t, Outstanding> outstanding_;  // by completion
  std::int64_t outstanding_bytes_ = 0;
};

}  // namespace tilewake
