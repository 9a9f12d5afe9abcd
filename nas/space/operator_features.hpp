// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nas/space/operator_space.hpp"

namespace tilewake {

/// What the accuracy of a network of operators is predicted from: for each kind of block how many
/// there are in the network, and for each stage the sums of kernels, of expansion ratios and of
/// blocks with squeeze-and-excitation. As many numbers for every path.
std::vector<double> operator_features(const OperatorSpace& space, const OperatorPath& path);

}  // namespace tilewake
