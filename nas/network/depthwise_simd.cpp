// SPDX-License-Identifier: Apache-2.0
#include "nas/network/depthwise_simd.hpp"

namespace tilewake::depthwise {

#if defined(__x86_64__)

extern const KernelSet kAvx2Kernels;    // depthwise_avx2.cpp
extern const KernelSet kAvx512Kernels;  // depthwise_avx512.cpp

SimdLevel best_simd_level() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return SimdLevel::kNone;
  return __builtin_cpu_supports("avx512f") ? SimdLevel::kAvx512 : SimdLevel::kAvx2;
}

const KernelSet* kernel_set(SimdLevel level) {
  switch (level) {
    case SimdLevel::kAvx512:
      return &kAvx512Kernels;
    case SimdLevel::kAvx2:
      return &kAvx2Kernels;
    case SimdLevel::kNone:
      break;
  }
  return nullptr;
}

#else

SimdLevel best_simd_level() { return SimdLevel::kNone; }

const KernelSet* kernel_set(SimdLevel /*level*/) { return nullptr; }

#endif

}  // namespace tilewake::depthwise
