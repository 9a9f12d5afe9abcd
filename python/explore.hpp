// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/explore/explanation.hpp"
#include "simulator/explore/explorer.hpp"

namespace tilewake::python {

/// An explanation as JSON: `networks` (time by resource, roofline), `machine` (figures), `limits`,
/// `changes` and `slack`. Figures have the keys of `tilewake explain --format csv`.
std::string explanation_text(const Explanation& explanation);

/// An exploration as JSON: `grid_size`, `is_exhaustive`, `front` (numbers of points), and `points`:
/// the columns of explore.csv, with null as figures of failed points.
std::string exploration_text(const Exploration& exploration, const ExploreOptions& options);

}  // namespace tilewake::python
