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

/// Banked memory whose channels reorder bursts; frfcfs_channel.hpp has the rules. Requests complete
/// in any order: reads overtake writes, and there are no address dependences (a write counts as
/// visible once it is queued). Hundreds of times slower to simulate than InOrderController; used to
/// validate it, and for traffic that is too fine-grained for it.
class FrFcfsController final : public BankedController<FrFcfsChannel> {
 public:
  explicit FrFcfsController(const BankedDramConfig& config);

  void reset() override;
  /// True while less than four of the largest requests are in flight, so that there is a choice.
  bool can_accept(std::int64_t now) const override;
  void submit(const MemoryRequest& request, std::int64_t now) override;
  /// The returned cycle is a lower bound: no request completes earlier.
  std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) override;

 private:
  struct Outstanding {
    MemoryCompletion completion;
    std::int64_t bytes = 0;
    std::int64_t bursts_left = 0;  // not yet issued
    std::int64_t data_begin = 0;   // DRAM cycles, of the issued bursts
    std::int64_t data_end = 0;
    bool is_over = false;  // completion was reported by advance()

    bool has_begun() const { return data_end > 0; }
  };

  void run_until(std::int64_t dram_cycle);
  void on_issued(const FrFcfsChannel::Issued& burst);
  Outstanding& outstanding(std::int64_t run) {
    return outstanding_[static_cast<std::size_t>(run - first_run_)];
  }

  std::int64_t burst_cycles_;
  std::int64_t shortest_latency_;  // from a column to its data
  /// In order of submission, from run `first_run_`. Each unfinished run is in exactly one of the
  /// three sets, so that no call iterates over all runs.
  std::deque<Outstanding> outstanding_;
  std::int64_t first_run_ = 0;
  std::int64_t outstanding_bytes_ = 0;                      // of unfinished runs
  std::map<std::int64_t, std::int64_t> num_waiting_;        // no burst issued; by bursts_left
  std::set<std::int64_t> begun_;                            // runs with some bursts issued
  std::set<std::pair<std::int64_t, std::int64_t>> ending_;  // (end, run): all bursts issued
  std::vector<FrFcfsChannel::Issued> issued_;
};

}  // namespace tilewake
