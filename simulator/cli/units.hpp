// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace tilewake {

/// 1234567 -> "1,234,567".
std::string with_separators(std::int64_t value);

/// Three digits and a prefix of 1000: 1234567 -> "1.23 M", 12 -> "12".
std::string with_prefix(std::int64_t value);

/// Three decimals, more for small values: 2.4712 -> "2.471", 0.00123 -> "0.00123".
std::string with_decimals(double value);

/// 0.1234 -> "12.3 %".
std::string percent(double ratio);

/// A bound on an error: two digits, whole percents from 10, and nothing below 0.001 %.
/// 0.00123 -> "0.12 %", 0.123 -> "12 %".
std::string error_bound(double ratio);

/// " for 8 images (1.234 ms per image)"; nothing for one image.
std::string batch_text(std::int64_t batch, double ms_per_image);

/// Megabytes of 10^6 bytes, without the unit: 949000 -> "0.949".
std::string megabytes(std::int64_t bytes);

}  // namespace tilewake
