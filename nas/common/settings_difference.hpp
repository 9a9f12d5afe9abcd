// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

/// The first setting in which two fingerprints differ, for an error message: "train.epochs was 3,
/// is now 4". A fingerprint is one "name=value" a line, in ascending order of the names. Empty
/// where there is none.
std::string settings_difference(const std::string& then, const std::string& now);

}  // namespace tilewake
