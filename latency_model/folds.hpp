// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tilewake {

/// The fold 0..num_folds-1 of each network, for k-fold hold-out. Networks of one name share a fold,
/// so that a network traced twice is not predicted from itself. Fold sizes differ by at most one
/// name. Folds depend on the set of names and the seed only.
std::vector<int> network_folds(const std::vector<std::string>& networks, int num_folds,
                               std::uint64_t seed);

}  // namespace tilewake
