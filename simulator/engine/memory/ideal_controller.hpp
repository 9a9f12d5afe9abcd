// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/engine/memory/memory_controller.hpp"

namespace tilewake {

/// Serves every request, of any number, in the cycle in which it is submitted.
class IdealController final : public MemoryController {
 public:
  void reset() override { served_.clear(); }
  std::int64_t max_request_bytes() const override { return std::int64_t{1} << 40; }
  bool can_accept(std::int64_t /*now*/) const override { return true; }
  void submit(const MemoryRequest& request, std::int64_t now) override {
    served_.push_back({request.id, now, now});
  }
  std::int64_t advance(std::int64_t /*now*/, std::vector<MemoryCompletion>& completed) override {
    completed.insert(completed.end(), served_.begin(), served_.end());
    served_.clear();
    return kNever;
  }

 private:
  std::vector<MemoryCompletion> served_;  // since the last advance()
};

}  // namespace tilewake
