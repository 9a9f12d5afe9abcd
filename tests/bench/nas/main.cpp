// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "nas/training/threads.hpp"

/// Like training: one thread, so that figures do not depend on other load of the machine.
int main(int argc, char** argv) {
  tilewake::configure_allocator();
  tilewake::set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
