// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/parallel_images.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace tilewake {

void for_each_image(std::int64_t count, int num_threads,
                    const std::function<void(std::int64_t index)>& f) {
  std::atomic<std::int64_t> next = 0;
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    try {
      for (std::int64_t i = next++; i < count; i = next++) f(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (error == nullptr) error = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> threads;
    const auto num_others = std::min<std::int64_t>(num_threads, count) - 1;
    for (std::int64_t i = 0; i < num_others; ++i) threads.emplace_back(work);
    work();
  }
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace tilewake
