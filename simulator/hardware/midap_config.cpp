// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/midap_config.hpp"

#include <fmt/format.h>

#include "simulator/common/yaml_reader.hpp"

namespace tilewake {

namespace {

constexpr std::int64_t kMaxBankBytes = std::int64_t{1} << 30;

}  // namespace

MidapConfig read_midap_config(YamlReader& yaml) {
  MidapConfig c;
  c.num_cims = yaml.integer("num_cims", 1, 1024);
  c.system_width = yaml.integer("system_width", 1, 4096);
  yaml.check(c.system_width % c.num_cims == 0, "system_width",
             fmt::format("must be a multiple of num_cims ({})", c.num_cims));
  const std::int64_t row_bytes = c.system_width;

  auto fmem = yaml.section("fmem");
  c.fmem_num_banks = fmem.integer("num_banks", 2, 64);
  c.fmem_bank_bytes = fmem.integer("bank_bytes", 1, kMaxBankBytes);
  fmem.check(c.fmem_bank_bytes % row_bytes == 0, "bank_bytes",
             fmt::format("must be a multiple of core.system_width ({})", row_bytes));
  fmem.finish();

  auto wmem = yaml.section("wmem");
  c.wmem_bank_bytes = wmem.integer("bank_bytes", 1, kMaxBankBytes);
  c.wmem_extended_bank_bytes = wmem.integer("extended_bank_bytes", 1, kMaxBankBytes);
  wmem.check(c.wmem_bank_bytes >= row_bytes, "bank_bytes",
             fmt::format("must hold a row of core.system_width ({})", row_bytes));
  wmem.check(c.wmem_extended_bank_bytes >= c.wmem_bank_bytes, "extended_bank_bytes",
             fmt::format("must be at least bank_bytes ({}), which it extends", c.wmem_bank_bytes));
  wmem.finish();

  auto bmmem = yaml.section("bmmem");
  c.bmmem_bytes = bmmem.integer("bytes", 1, kMaxBankBytes);
  bmmem.check(c.bmmem_bytes >= c.num_cims, "bytes",
              fmt::format("must hold a bias for each of core.num_cims ({})", c.num_cims));
  bmmem.finish();

  auto reduction = yaml.section("reduction");
  c.reduction_bytes = reduction.integer("bytes", 1, kMaxBankBytes);
  reduction.check(c.reduction_bytes >= row_bytes, "bytes",
                  fmt::format("must hold a row of core.system_width ({})", row_bytes));
  reduction.finish();
  return c;
}

}  // namespace tilewake
