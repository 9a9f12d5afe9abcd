// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/midap_config.hpp"

#include <fmt/format.h>

#include "simulator/common/yaml_fields.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {

void visit_fields(YamlFields& fields, MidapConfig& c) {
  constexpr std::int64_t kMaxBufferBytes = std::int64_t{1} << 30;
  fields.integer(
      "num_cims", c.num_cims, 1, 1024,
      {"", "CIMs, each with a WMEM bank: output channels computed at a time by a convolution"});
  fields.integer(
      "system_width", c.system_width, 1, 4096,
      {"entries", "MACs per cycle of one CIM, lanes of the extended CIM, entries of a memory row"});
  fields.section("fmem", [&] {
    fields.integer("num_banks", c.fmem_num_banks, 2, 64, {"", "feature-map banks"});
    fields.integer("bank_bytes", c.fmem_bank_bytes, 1, kMaxBufferBytes,
                   {"bytes", "size of one bank"});
  });
  fields.section("wmem", [&] {
    fields.integer("bank_bytes", c.wmem_bank_bytes, 1, kMaxBufferBytes,
                   {"bytes", "weights of one CIM in one of two slots"});
    fields.integer(
        "extended_bank_bytes", c.wmem_extended_bank_bytes, 1, kMaxBufferBytes,
        {"bytes", "the same for CIM 0: depthwise weights, second operand of add and mul"});
  });
  fields.section("bmmem", [&] {
    fields.integer("bytes", c.bmmem_bytes, 1, kMaxBufferBytes,
                   {"bytes", "biases, one of two slots"});
  });
  fields.section("reduction", [&] {
    fields.integer("bytes", c.reduction_bytes, 1, kMaxBufferBytes,
                   {"bytes", "accumulators of a fused global pool"});
  });
}

void check_fields(const YamlReader& core, const MidapConfig& c) {
  const std::string row = fmt::format("core.system_width ({})", c.system_width);
  core.check(c.system_width % c.num_cims == 0, "system_width",
             fmt::format("must be a multiple of num_cims ({})", c.num_cims));
  core.check(c.fmem_bank_bytes % c.system_width == 0, "fmem.bank_bytes",
             "must be a multiple of " + row);
  core.check(c.wmem_bank_bytes >= c.system_width, "wmem.bank_bytes", "must hold a row of " + row);
  core.check(c.wmem_extended_bank_bytes >= c.wmem_bank_bytes, "wmem.extended_bank_bytes",
             fmt::format("must be at least bank_bytes ({}), which it extends", c.wmem_bank_bytes));
  core.check(c.bmmem_bytes >= c.num_cims, "bmmem.bytes",
             fmt::format("must hold a bias for each of core.num_cims ({})", c.num_cims));
  core.check(c.reduction_bytes >= c.system_width, "reduction.bytes", "must hold a row of " + row);
}

}  // namespace tilewake
