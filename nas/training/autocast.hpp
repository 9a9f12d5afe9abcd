// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake {

/// While it lives, CUDA operations of this thread for which it is safe compute in bfloat16
/// (LibTorch's automatic mixed precision). Its range is that of float, so gradients need no
/// scaling. Does nothing where `enabled` is false.
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
