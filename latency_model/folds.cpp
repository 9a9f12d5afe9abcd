// SPDX-License-Identifier: Apache-2.0
#include "latency_model/folds.hpp"

#include <cassert>
#include <map>
#include <random>
#include <set>
#include <utility>

namespace tilewake {

std::vector<int> network_folds(const std::vector<std::string>& networks, int num_folds,
                               std::uint64_t seed) {
  assert(num_folds > 0);
  const std::set<std::string> sorted(networks.begin(), networks.end());
  std::vector<std::string> names(sorted.begin(), sorted.end());
  // Fisher-Yates: std::shuffle differs between standard libraries. The modulo bias over 64 bits is
  // negligible.
  std::mt19937_64 random(seed);
  for (std::size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random() % i]);

  std::map<std::string, int> fold_of;
  for (std::size_t i = 0; i < names.size(); ++i) {
    fold_of[names[i]] = static_cast<int>(i % static_cast<std::size_t>(num_folds));
  }
  std::vector<int> folds;
  for (const std::string& name : networks) folds.push_back(fold_of[name]);
  return folds;
}

}  // namespace tilewake
