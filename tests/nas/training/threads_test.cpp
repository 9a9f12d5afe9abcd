// SPDX-License-Identifier: Apache-2.0
#include "nas/training/threads.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

TEST(Threads, HaveTheRequestedCount) {
  const int before = at::get_num_threads();
  set_num_threads(2);
  EXPECT_EQ(at::get_num_threads(), 2);
  set_num_threads(before);
  EXPECT_EQ(at::get_num_threads(), before);
}

TEST(Threads, BelowOneAreRefused) {
  EXPECT_NE(input_error_of([] { set_num_threads(0); }), "no error");
}

TEST(Allocator, LargeTensorsAreWhatTheyWereOnceConfigured) {
  configure_allocator();
  for (int i = 0; i < 3; ++i) {
    const torch::Tensor large = torch::ones({16 << 20});  // 64 MiB, twice glibc's threshold
    EXPECT_EQ(large.sum(torch::kDouble).item<double>(), 16 << 20);
  }
}

}  // namespace
}  // namespace tilewake
