// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/address_map.hpp"

namespace tilewake {

AddressMap::AddressMap(const BankedDramConfig& config)
    : bursts_per_place_(config.interleaved_groups() * config.bursts_per_row()),
      interleaved_groups_(static_cast<int>(config.interleaved_groups())) {
  const DramDevice& d = config.device;
  const auto extent = [&](DramField field) {
    switch (field) {
      case DramField::kRow:
        return d.num_rows;
      case DramField::kRank:
        return config.num_ranks;
      case DramField::kBankGroup:
        return d.num_bank_groups;
      case DramField::kBank:
        return d.banks_per_group;
      case DramField::kColumn:
        return config.bursts_per_row();
    }
    return std::int64_t{1};
  };
  std::int64_t num_bursts = 1;
  for (std::size_t i = 0; i < digits_.size(); ++i) {
    const DramField field = d.mapping[digits_.size() - 1 - i];
    digits_[i] = {field, Divisor(extent(field))};
    num_bursts *= extent(field);
  }
  num_bursts_ = Divisor(num_bursts);
}

RowPlace AddressMap::place_of(std::int64_t index) const {
  std::array<std::int64_t, 5> values{};  // by DramField
  for (const Digit& digit : digits_) {
    const std::int64_t rest = digit.extent.quotient(index);
    values[static_cast<std::size_t>(digit.field)] = index - rest * digit.extent.value();
    index = rest;
  }
  const auto value = [&](DramField field) { return values[static_cast<std::size_t>(field)]; };
  return {static_cast<int>(value(DramField::kRank)), static_cast<int>(value(DramField::kBankGroup)),
          static_cast<int>(value(DramField::kBank)), value(DramField::kRow)};
}

}  // namespace tilewake
