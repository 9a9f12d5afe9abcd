// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tilewake {

/// The fold 0..num_folds-1 of each network, for k-fold hold-out. Networks of one name share a fold,
/// else a network traced twice would be predicted from itself. Folds differ by at most one name,
/// and depend on the names and the seed only: not on the platform or on the order of the names.
std::vector<int> network_folds(const std::vector<std::string>& networks, int num_folds,
                               std::uint64_t seed);

}  // namespace tilewake
