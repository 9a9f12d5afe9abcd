// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tilewake {

/// Names of the layers that compute another one on the way, "a+b+c", for ProgramLayer::fused_into.
/// Cut after 4 KiB: each concat nested in others repeats them.
class FusedNames {
 public:
  void add(std::string_view name) {
    ++num_names_;
    if (text_.size() + name.size() > kMaxBytes) return;
    if (!text_.empty()) text_ += '+';
    text_ += name;
    ++num_shown_;
  }
  std::string text() const {
    if (num_shown_ == num_names_) return text_;
    return text_ + "+" + std::to_string(num_names_ - num_shown_) + " more";
  }

 private:
  static constexpr std::size_t kMaxBytes = 4096;

  std::string text_;
  std::size_t num_names_ = 0;
  std::size_t num_shown_ = 0;
};

}  // namespace tilewake
