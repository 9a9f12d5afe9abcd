// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <systemc>

namespace tilewake {

/// One tick of simulated time is one NPU cycle: cycle counts stay integers for any clock rate, up
/// to 2^64. They are converted to milliseconds only for printing.
inline sc_core::sc_time cycles(std::int64_t count) {
  return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(count));
}

/// Cycles since elaboration; the top module subtracts the start of the run from events.
inline std::int64_t now_cycles() {
  return static_cast<std::int64_t>(sc_core::sc_time_stamp().value());
}

}  // namespace tilewake
