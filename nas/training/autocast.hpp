// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake {

/// In its scope, CUDA operations of this thread compute in bfloat16 where this is safe (LibTorch's
/// automatic mixed precision). Its range equals that of float, so gradients need no scaling. No
/// effect if `enabled` is false.
class Autocast {
 public:
  explicit Autocast(bool enabled);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool enabled_;
};

}  // namespace tilewake
