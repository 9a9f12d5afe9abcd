// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)

#define TILEWAKE_TARGET __attribute__((target("avx512f,fma")))
#include "nas/network/depthwise_vector.hpp"

namespace tilewake::depthwise {

extern const KernelSet kAvx512Kernels;
const KernelSet kAvx512Kernels = {{kernels<16>(), kernels<8>(), kernels<4>(), kernels<1>()}, 4};

}  // namespace tilewake::depthwise

#endif
