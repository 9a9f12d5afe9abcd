// SPDX-License-Identifier: Apache-2.0
#include "nas/training/autocast.hpp"

#include <ATen/autocast_mode.h>

#include <torch/torch.h>
#include <torch/version.h>

namespace tilewake {
namespace {

// From version 2.4 the setters take the device; the older ones are deprecated.
void set_cuda_autocast(bool enabled) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCUDA, enabled);
#else
  at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
  at::autocast::set_enabled(enabled);
#endif
}

}  // namespace

Autocast::Autocast(bool enabled) : enabled_(enabled) {
  if (enabled_) set_cuda_autocast(true);
}

Autocast::~Autocast() {
  if (!enabled_) return;
  set_cuda_autocast(false);
  at::autocast::clear_cache();  // weights change before the next pass
}

}  // namespace tilewake
