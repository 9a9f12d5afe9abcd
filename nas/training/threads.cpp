// SPDX-License-Identifier: Apache-2.0
#include "nas/training/threads.hpp"

#include <cstdlib>  // defines __GLIBC__ where it is glibc

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <fmt/format.h>
#include <torch/torch.h>

#include "simulator/common/error.hpp"

namespace tilewake {

void configure_allocator() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);         // no separate mapping per block
  mallopt(M_TRIM_THRESHOLD, -1);  // the top of the heap is not returned
#endif
}

void set_num_threads(int num_threads) {
  if (num_threads < 1) {
    throw InputError(fmt::format("number of threads must be at least 1, not {}", num_threads));
  }
  at::set_num_threads(num_threads);
}

}  // namespace tilewake
