// SPDX-License-Identifier: Apache-2.0
#include "latency_model/roofline.hpp"

#include <algorithm>

namespace tilewake {

double roofline_cycles(const HardwareConfig& hardware, const Network& network, const Layer& layer) {
  std::int64_t bytes = layer.weight_bytes() + layer.ofm.num_elements();
  for (const int input : layer.inputs) {
    bytes += layer.op == Op::kChannelSplit ? layer.ofm.num_elements()  // its output only
                                           : network.shape_of(input).num_elements();
  }
  return std::max(static_cast<double>(layer.num_effective_macs()) /
                      static_cast<double>(hardware.peak_macs_per_cycle()),
                  static_cast<double>(bytes) / peak_bytes_per_cycle(hardware.dram));
}

}  // namespace tilewake
