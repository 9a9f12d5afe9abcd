// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <systemc>

namespace tilewake {

/// One tick of simulated time is one NPU cycle: cycle counts stay integers, whatever the clock
/// rate, and 2^64 of them fit. Milliseconds are made of cycles only when printed.
inline sc_core::sc_time cycles(std::int64_t count) {
  return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(count));
}

/// Cycles since elaboration; the top module subtracts the start of the run from events.
inline std::int64_t now_cycles() {
  return static_cast<std::int64_t>(sc_core::sc_time_stamp().value());
}

}  // namespace tilewake
