// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiling_memory.hpp"

namespace tilewake {
namespace {

// About 200 bytes each.
constexpr std::size_t kMaxPlans = 100'000;

}  // namespace

TilingPlan TilingMemory::plan_of(const TileProblem& problem,
                                 const std::function<TilingPlan()>& search) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = plans_.find(problem);
    if (found != plans_.end()) return found->second;
  }
  const TilingPlan plan = search();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (plans_.size() >= kMaxPlans) plans_.clear();
  plans_.emplace(problem, plan);
  return plan;
}

}  // namespace tilewake
