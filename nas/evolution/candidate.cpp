// SPDX-License-Identifier: Apache-2.0
#include "nas/evolution/candidate.hpp"

#include <tuple>

namespace tilewake {

std::string_view to_string(Origin origin) {
  switch (origin) {
    case Origin::kRandom:
      return "random";
    case Origin::kMutation:
      return "mutation";
    case Origin::kCrossover:
      return "crossover";
    case Origin::kFastest:
      return "fastest";
  }
  return "";
}

bool is_better(const Candidate& a, const Candidate& b) {
  return std::tie(b.score, a.latency_ms, a.path) < std::tie(a.score, b.latency_ms, b.path);
}

}  // namespace tilewake
