// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "nas/space/operator_space.hpp"
#include "nas/space/search_space.hpp"
#include "tests/support/random.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {

inline SearchSpace shipped_space(const std::string& name) {
  return read_search_space(source_path("nas/spaces/" + name + ".yaml").string());
}

inline OperatorSpace shipped_operator_space(const std::string& name) {
  return read_operator_space(source_path("nas/spaces/" + name + ".yaml").string());
}

/// What is read where a space follows the data.
inline constexpr DataShape kSomeData = {3, 32, 10};

/// The shipped files of spaces of operators, or those of MixConv blocks.
inline std::vector<std::filesystem::path> space_files(bool of_operators) {
  std::vector<std::filesystem::path> files = yaml_files_in("nas/spaces");
  files.erase(std::remove_if(files.begin(), files.end(),
                             [&](const std::filesystem::path& file) {
                               const std::string name = file.stem().string();
                               return (name.rfind("operators_", 0) == 0 ||
                                       name.rfind("spos_", 0) == 0) != of_operators;
                             }),
              files.end());
  return files;
}

/// The published space with these depths: as many of its stages as there are depths.
inline SearchSpace paper_space(const std::vector<int>& depths) {
  SearchSpace space = shipped_space("imagenet");
  space.num_blocks = 0;
  space.stages.resize(depths.size());
  for (std::size_t s = 0; s < depths.size(); ++s) space.stages[s].depth = depths[s];
  return space;
}

inline std::vector<BranchSpace> paper_branches() { return shipped_space("imagenet").branches; }

/// One to three kernels up to 9x9, one to three expansion ratios.
inline BranchSpace random_branch(Random& random) {
  BranchSpace branch;
  for (int kernel = 1; kernel <= 9 && branch.kernels.size() < 3; kernel += 2) {
    if (random.one_in(2)) branch.kernels.push_back(kernel);
  }
  if (branch.kernels.empty()) branch.kernels = {3};
  for (int ratio = 0; ratio <= 4 && branch.expansion_ratios.size() < 3; ++ratio) {
    if (random.one_in(2)) branch.expansion_ratios.push_back(ratio);
  }
  if (branch.expansion_ratios.empty() || branch.expansion_ratios.back() == 0)
    branch.expansion_ratios.push_back(6);
  return branch;
}

}  // namespace tilewake
