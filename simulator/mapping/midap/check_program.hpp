// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/mapping/midap/midap_program.hpp"

namespace tilewake::midap {

/// Would the program compute what it should? Empty if so, otherwise the first layer rule it breaks:
/// every window is computed exactly once, from columns that were loaded before and not consumed,
/// and no load overwrites a bank that is still needed.
///
/// The rules of the reference compiler do not promise this for every graph, so the mapper asks.
/// Where a window is wider than two fragments they even let it read a column that is only loaded
/// later: EarlyReads::kAllowed takes that as it is.
enum class EarlyReads { kRefused, kAllowed };
std::string find_defect(const MidapLayer& layer, EarlyReads early_reads = EarlyReads::kRefused);

}  // namespace tilewake::midap
