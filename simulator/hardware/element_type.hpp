// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace tilewake {

/// The type of one element: of feature maps, weights and products.
enum class ElementType { kInt8, kInt16, kFp16, kBf16, kFp32 };

/// Names of `core.element`.
inline constexpr std::pair<std::string_view, ElementType> kElementTypes[] = {
    {"int8", ElementType::kInt8}, {"int16", ElementType::kInt16}, {"fp16", ElementType::kFp16},
    {"bf16", ElementType::kBf16}, {"fp32", ElementType::kFp32},
};

constexpr std::int64_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::kInt8:
      return 1;
    case ElementType::kInt16:
    case ElementType::kFp16:
    case ElementType::kBf16:
      return 2;
    case ElementType::kFp32:
      return 4;
  }
  return 1;
}

std::string_view to_string(ElementType type);

}  // namespace tilewake
