// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/mapping/midap/midap_program.hpp"

namespace tilewake::midap {

/// Checks a layer's instructions: every window is computed exactly once, from columns that are on
/// chip, and no load overwrites a bank in use. Returns an empty string, or the first violation.
///
/// The reference compiler does not guarantee this for every graph, so the mapper checks each plan.
/// If a window is wider than two fragments, the reference may read a column that is loaded later:
/// EarlyReads::kAllowed accepts that.
enum class EarlyReads { kRefused, kAllowed };
std::string find_defect(const MidapLayer& layer, EarlyReads early_reads = EarlyReads::kRefused);

}  // namespace tilewake::midap
