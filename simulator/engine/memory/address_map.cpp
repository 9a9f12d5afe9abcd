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
  RowPlace place;
  for (const Digit& digit : digits_) {
    const std::int64_t value = digit.extent.remainder(index);
    index = digit.extent.quotient(index);
    switch (digit.field) {
      case DramField::kRow:
        place.row = value;
        break;
      case DramField::kRank:
        place.rank = static_cast<int>(value);
        break;
      case DramField::kBankGroup:
        place.group = static_cast<int>(value);
        break;
      case DramField::kBank:
        place.bank = static_cast<int>(value);
        break;
      case DramField::kColumn:
        break;
    }
  }
  return place;
}

}  // namespace tilewake
