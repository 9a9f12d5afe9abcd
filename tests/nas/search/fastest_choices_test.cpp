// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "nas/search/s3nas.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

/// One to five positions of one to four choices, whose cycles depend on the choice before.
LatencyTable random_table(Random& random) {
  LatencyTable table;
  table.fixed_cycles = 1000.0;
  std::size_t before = 1;
  const std::int64_t num_positions = random.between(1, 5);
  for (std::int64_t p = 0; p < num_positions; ++p) {
    std::vector<std::vector<double>> given(before);
    const std::size_t now = 1 + random.below(4);
    for (std::vector<double>& row : given) {
      // A skip may be below 0.
      for (std::size_t c = 0; c < now; ++c)
        row.push_back(static_cast<double>(random.between(-100, 1000)));
    }
    table.given.push_back(given);
    before = now;
  }
  return table;
}

/// The least cycles of all combinations of choices, one after the other.
double least_cycles(const LatencyTable& table) {
  std::vector<int> choices(table.given.size(), 0);
  double least = table.total_cycles(choices);
  std::size_t p = 0;
  while (p < choices.size()) {
    if (++choices[p] < static_cast<int>(table.given[p][0].size())) {
      least = std::min(least, table.total_cycles(choices));
      p = 0;
    } else {
      choices[p++] = 0;
    }
  }
  return least;
}

TEST(FastestChoices, NoOtherChoicesAreFaster) {
  Random random(11);
  for (int n = 0; n < 300; ++n) {
    const LatencyTable table = random_table(random);
    const std::vector<int> choices = fastest_choices(table);
    ASSERT_EQ(choices.size(), table.given.size());
    EXPECT_EQ(table.total_cycles(choices), least_cycles(table));
  }
}

// Choice 0 is the faster one at each position for itself, but not beside itself.
TEST(FastestChoices, NeighboursCountAndNotOnlyTheirMean) {
  LatencyTable table;
  table.given = {{{10.0, 11.0}}, {{50.0, 20.0}, {20.0, 60.0}}};
  EXPECT_EQ(fastest_choices(table), (std::vector<int>{0, 1}));
}

}  // namespace
}  // namespace tilewake
