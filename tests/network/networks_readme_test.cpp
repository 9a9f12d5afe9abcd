// SPDX-License-Identifier: Apache-2.0
#include <regex>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"
#include "simulator/network/op_names.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

std::string readme() { return read_file(source_path("networks/README.md")); }

TEST(NetworksReadmeTest, ItsExampleReads) {
  const std::string text = readme();
  const std::string fence = "```yaml\n";
  const std::size_t begin = text.find(fence) + fence.size();
  const Network network =
      read_network_text(text.substr(begin, text.find("```", begin) - begin), "README.md");
  EXPECT_EQ(network.name, "example");
  EXPECT_EQ(network.layers.back().ofm, (Shape{1000, 1, 1}));
}

TEST(NetworksReadmeTest, ItsTableHoldsOurFigures) {
  const std::string text = readme();
  for (const auto& file : yaml_files_in("networks")) {
    const Network network = read_network(file.string());
    const double params = static_cast<double>(network.num_params()) / 1e6;
    const double gmacs = static_cast<double>(network.num_macs()) / 1e9;
    const std::regex row(fmt::format(R"(\n\| `{}` \|[^|\n]*\| {} \| {:.3f} \|[^|\n]*\| {:.3f} \|)",
                                     network.name, network.input.height, params, gmacs));
    EXPECT_TRUE(std::regex_search(text, row))
        << network.name << ": " << fmt::format("{:.3f} M, {:.3f} GMACs", params, gmacs);
  }
}

TEST(NetworksReadmeTest, EveryOpAndActivationIsNamed) {
  const std::string text = readme();
  for (const auto& [name, op] : kOpNames) EXPECT_THAT(text, HasSubstr(fmt::format("`{}`", name)));
  for (const auto& [name, activation] : kActivationNames) {
    EXPECT_TRUE(std::regex_search(text, std::regex("[` ]" + std::string(name) + "[` ]"))) << name;
  }
}

}  // namespace
}  // namespace tilewake
