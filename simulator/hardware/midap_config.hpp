// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake {

class YamlFields;
class YamlReader;

/// MIDAP (Kang et al., ICCD 2019): CIMs that each reduce one row of `system_width` entries per
/// cycle, fed from feature-map banks. One entry is one int8 element.
struct MidapConfig {
  std::int64_t num_cims = 0;      // output channels computed at a time by a convolution
  std::int64_t system_width = 0;  // MACs of one CIM, lanes of the extended CIM, entries of a row
  std::int64_t fmem_num_banks = 0;
  std::int64_t fmem_bank_bytes = 0;
  std::int64_t wmem_bank_bytes = 0;  // a slot has num_cims of these banks; there are two slots
  std::int64_t wmem_extended_bank_bytes = 0;  // bank 0: depthwise weights, operand of add and mul
  std::int64_t bmmem_bytes = 0;               // biases, one of two slots
  std::int64_t reduction_bytes = 0;           // accumulators of a fused global pool

  std::int64_t peak_macs_per_cycle() const { return num_cims * system_width; }
};

/// Fields of a `core:` section of kind midap, and the rules between them.
void visit_fields(YamlFields& fields, MidapConfig& c);
void check_fields(const YamlReader& core, const MidapConfig& c);

}  // namespace tilewake
