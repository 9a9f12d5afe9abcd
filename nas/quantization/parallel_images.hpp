// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace tilewake {

/// Calls f(0) to f(count - 1), in no particular order, on `num_threads` threads (at least one).
/// Rethrows the first exception after all threads have ended.
void for_each_image(std::int64_t count, int num_threads,
                    const std::function<void(std::int64_t index)>& f);

}  // namespace tilewake
