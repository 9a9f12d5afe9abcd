// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tilewake {

/// A memory of feature maps, byte by byte, with the layer of the program that wrote each byte.
class MapMemory {
 public:
  static constexpr int kNobody = -2;
  static constexpr int kInputImage = -1;

  explicit MapMemory(std::int64_t bytes)
      : values_(static_cast<std::size_t>(bytes)), writers_(values_.size(), kNobody) {}

  std::int64_t size() const { return static_cast<std::int64_t>(values_.size()); }
  /// The layer that wrote the byte; kNobody for addresses outside of the memory, too.
  int writer(std::int64_t address) const {
    return address >= 0 && address < size() ? writers_[static_cast<std::size_t>(address)] : kNobody;
  }
  /// Of a byte that has a writer.
  std::uint8_t value(std::int64_t address) const {
    return values_[static_cast<std::size_t>(address)];
  }
  /// Returns false, and writes nothing, if the address is outside or the byte has a writer.
  bool write(std::int64_t address, std::uint8_t value, int writer) {
    if (address < 0 || address >= size() ||
        writers_[static_cast<std::size_t>(address)] != kNobody) {
      return false;
    }
    values_[static_cast<std::size_t>(address)] = value;
    writers_[static_cast<std::size_t>(address)] = writer;
    return true;
  }

 private:
  std::vector<std::uint8_t> values_;
  std::vector<int> writers_;
};

}  // namespace tilewake
