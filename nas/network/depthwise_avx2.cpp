// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)

#define TILEWAKE_TARGET __attribute__((target("avx2,fma")))
#include "nas/network/depthwise_vector.hpp"

namespace tilewake::depthwise {

extern const KernelSet kAvx2Kernels;
const KernelSet kAvx2Kernels = {{kernels<8>(), kernels<4>(), kernels<1>()}, 3};

}  // namespace tilewake::depthwise

#endif
