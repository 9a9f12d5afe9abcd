// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "simulator/engine/memory/banked_controller.hpp"
#include "simulator/engine/memory/frfcfs_channel.hpp"

namespace tilewake {

/// Banked memory whose channels reorder bursts; frfcfs_channel.hpp has the rules. Requests end in
/// any order: reads pass writes, and there are no dependences between addresses (a write is as good
/// as done once it is in the queue). A hundred times as slow to simulate as InOrderController; for
/// checking it, and for traffic that is too fine for it.
class FrFcfsController final : public BankedController<FrFcfsChannel> {
 public:
  explicit FrFcfsController(const BankedDramConfig& config);

  void reset() override;
  /// As long as less than four of the largest requests are under way, so that there is a choice.
  bool can_accept(std::int64_t now) const override;
  void submit(const MemoryRequest& request, std::int64_t now) override;
  /// What is returned may be early: nothing completes before.
  std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) override;

 private:
  struct Outstanding {
    MemoryCompletion completion;
    std::int64_t bytes = 0;
    std::int64_t bursts_left = 0;  // to be issued
    std::int64_t data_begin = 0;   // DRAM cycles, of what was issued
    std::int64_t data_end = 0;
    bool is_over = false;  // reported by advance()

    bool has_begun() const { return data_end > 0; }
  };

  void run_until(std::int64_t dram_cycle);
  void on_issued(const FrFcfsChannel::Issued& burst);
  Outstanding& outstanding(std::int64_t run) {
    return outstanding_[static_cast<std::size_t>(run - first_run_)];
  }

  std::int64_t burst_cycles_;
  std::int64_t shortest_latency_;  // from a column to its data
  /// In order of submission, from run `first_run_`. Each that is not over is in exactly one of the
  /// three sets, so that no call visits all.
  std::deque<Outstanding> outstanding_;
  std::int64_t first_run_ = 0;
  std::int64_t outstanding_bytes_ = 0;                      // of those that are not over
  std::map<std::int64_t, std::int64_t> num_waiting_;        // no burst is issued; by bursts_left
  std::set<std::int64_t> begun_;                            // runs of which some are issued
  std::set<std::pair<std::int64_t, std::int64_t>> ending_;  // (end, run): all are issued
  std::vector<FrFcfsChannel::Issued> issued_;
};

}  // namespace tilewake
