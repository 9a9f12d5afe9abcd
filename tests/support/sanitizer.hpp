// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake {

/// Whether the test runs under AddressSanitizer, which makes it several times slower.
#if defined(__SANITIZE_ADDRESS__)  // GCC
inline constexpr bool kHasAddressSanitizer = true;
#elif defined(__has_feature)  // clang
inline constexpr bool kHasAddressSanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool kHasAddressSanitizer = false;
#endif

/// Of `count` random cases, those that are tried: a quarter under AddressSanitizer.
constexpr int num_cases(int count) { return kHasAddressSanitizer ? (count + 3) / 4 : count; }

}  // namespace tilewake
